import CanaryAdapters
import CanaryCore
import Testing

/// Pools whose group canary does not write: what cannot be had with them is refused.
struct GroupRuleTests {
  private func read(_ green: String, _ extra: String) -> Result<Config, Problems> {
    let text = """
      { services: { chat: { pools: { blue: { servers: ["blue:9001"] }, green: { \(green) } },
        stable: "blue", \(extra) } } }
      """
    do throws(Problems) {
      return .success(try ConfigReader(file: "/c.json5").read(ConfigFile.parse(text, name: "test")))
    } catch {
      return .failure(error)
    }
  }

  @Test(arguments: [
    ("", "", "must have servers"),
    ("upstream: \"a b\"", "", "must be the name of an upstream of yours"),
    ("upstream: \"canary.chat.green\"", "", "not of canary's own"),
    ("upstream: \"next\", balance: \"ip_hash\"", "", "has no meaning beside `upstream`"),
    ("upstream: \"next\"", "weights: \"upstream\",", "holds the servers of both pools"),
    (
      "upstream: \"next\"", "shield: true,", "shield cannot be true with the upstream of pool green"
    ),
    ("upstream: \"next\"", "protocol: \"tcp\", listen: [\"9000\"],", "it speaks tcp"),
    ("upstream: \"next\"", "resolver: true,", "has no meaning for pool green"),
    ("servers: [\"green:1\"]", "resolver: \"127.0.0.1; x\",", "arguments of `resolver`"),
    ("servers: [\"green:1\", \"green:2\"]", "resolver: true,", "needs one server in pool green"),
    ("servers: [\"green:1 weight=2\"]", "resolver: true,", "cannot have parameters for green:1"),
    ("servers: [\"green:1\"]", "resolver: true, fallback: true,", "reached by itself"),
    ("servers: [\"green:1\"]", "resolver: true, weights: \"upstream\",", "in one group"),
    ("servers: [\"green:1\"]", "resolver: true, listen: [\"9000\"],", "no location of yours"),
  ])
  func `what cannot be had is refused`(_ green: String, _ extra: String, _ says: String) {
    switch read(green, extra) {
    case .success: Issue.record("\(green) \(extra) is taken")
    case .failure(let faults): #expect(faults.description.contains(says), "\(faults)")
    }
  }

  @Test(arguments: [
    ("upstream: \"next\"", ""), ("upstream: \"next\", servers: [\"10.0.0.1:80\"]", ""),
    ("upstream: \"next\", limit: \"9r/s\"", "shield: false,"),
    ("servers: [\"green:1\"]", "resolver: true,"), ("servers: [\"green:1\"]", "resolver: false,"),
    ("servers: [\"green:1\"]", "resolver: \"[::1]:53 127.0.0.11 valid=30s ipv6=off\","),
  ])
  func `what can be had is taken`(_ green: String, _ extra: String) throws {
    let config = try read(green, extra).get()
    #expect(config.services.count == 1)
  }
}
