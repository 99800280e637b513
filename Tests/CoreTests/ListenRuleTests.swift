import CanaryAdapters
import CanaryCore
import Testing

/// Services that Nginx could not tell apart by where they listen.
@Suite struct ListenRuleTests {
  private func faults(_ one: String, _ two: String) throws -> [String] {
    func service(_ text: String, _ port: Int) -> String {
      let pools = [port, port + 1].map { "p\($0): { servers: [\"127.0.0.1:\($0)\"] }" }
      return "{ \(text), pools: { \(pools.joined(separator: ", ")) }, stable: \"p\(port)\" }"
    }
    let text = "{ services: { a: \(service(one, 1)), b: \(service(two, 3)) } }"
    do throws(Problems) {
      _ = try ConfigReader(file: "/etc/canary/canary.json5").read(
        ConfigFile.parse(text, name: "test"))
      return []
    } catch {
      return error.list.map(\.description)
    }
  }

  @Test(arguments: [
    ("80", "*:80"), ("80", "0.0.0.0:80"), ("*:080", "0.0.0.0:80"), ("127.0.0.1:80", "127.0.0.1:80"),
    ("[::1]:80", "[0:0:0:0:0:0:0:1]:80"), ("LocalHost:80", "localhost:80"),
    ("unix:/a.sock", "unix:/a.sock"),
  ]) func `one address in two words is told`(_ one: String, _ two: String) throws {
    let found = try faults("listen: [\"\(one)\"]", "listen: [\"\(two)\"]")
    #expect(found.contains { $0.contains("already listened on by 'a'") }, "\(found)")
    let own = try faults("listen: [\"\(one)\", \"\(two)\"]", "listen: [\"9:9\"]")
    #expect(own.contains { $0.contains("says the same address once more") }, "\(own)")
    let named = try faults(
      "listen: [\"\(one)\"], server_names: [\"x.example\", \"Y.example\"]",
      "listen: [\"\(two)\"], server_names: [\"y.example\"]")
    #expect(named.contains { $0.contains("with the name y.example") }, "\(named)")
    let tcp = try faults(
      "listen: [\"\(one)\"], protocol: \"tcp\"",
      "listen: [\"\(two)\"], server_names: [\"y.example\"]")
    #expect(tcp.contains { $0.contains("one of the two speaks tcp") }, "\(tcp)")
  }

  @Test(arguments: [
    ("80", "81"), ("127.0.0.1:80", "127.0.0.2:80"), ("80", "127.0.0.1:80"),
    ("[::1]:80", "[::2]:80"),
  ]) func `different addresses and names are none`(_ one: String, _ two: String) throws {
    let found = try faults("listen: [\"\(one)\"]", "listen: [\"\(two)\"]")
    #expect(found.isEmpty, "\(found)")
    let named = try faults(
      "listen: [\"\(one)\"], server_names: [\"x.example\"]",
      "listen: [\"\(one)\"], server_names: [\"y.example\"]")
    #expect(named.isEmpty, "\(named)")
  }
}
