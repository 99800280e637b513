import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// Names as long as they may be, with all that makes variables of them, behind an Nginx as it comes.
@Suite(.blocking) struct LongNameTests {
  /// Two services that differ in their last letter only, and pools with names as long.
  private func write(_ sandbox: Sandbox, _ name: String, pool: String) throws {
    func service(_ name: String, _ port: Int) -> String {
      """
      "\(name)": { listen: ["127.0.0.1:\(port)"], stable: "\(pool)", sticky: "user", expose: true,
        preview: { cookie: { name: "p", value: "Secret12" } }, never: { from: ["10.0.0.0/8"] },
        pools: { "\(pool)": { servers: ["127.0.0.1:\(sandbox.bluePorts[0])"], limit: "1000r/s" },
          green: { servers: ["127.0.0.1:\(sandbox.greenPorts[0])"], limit: "900r/s" } },
        plan: { stages: [{ weight: 0, soak: "200ms", shadow: { share: 50 } },
          { weight: 50, limit: "800r/s", soak: "10m" }, { weight: 100, soak: "1s" }], checks: [] } },
      """
    }
    try sandbox.writeConfig(
      services: service("\(name)a", sandbox.port) + service("\(name)b", Sockets.freePort()))
  }

  @Test(arguments: [23, 31, 40, 63])
  func `a name as long as it may be is rolled out and reverted`(length: Int) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startApps()
    try sandbox.startNginx()
    let name = "shop-" + String(repeating: "x", count: length - 6)
    let pool = "p" + String(repeating: "y", count: 62)
    try write(sandbox, name, pool: pool)
    let checked = try sandbox.canary("check")
    #expect(checked.code == 0, "\(checked.text)")
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 0, "\(applied.text)")
    for letter in ["a", "b"] {
      #expect(try sandbox.canary("promote", "\(name)\(letter)", "--detach").code == 0)
    }
    for letter in ["a", "b"] { try sandbox.waitForStage(1, of: "\(name)\(letter)") }
    let status = try sandbox.canary("status", "\(name)a", "--json").text
    #expect(
      status.contains("\"weight\": 50") && status.contains("\"weight_fault\": null"), "\(status)")
    var client = Client(port: sandbox.port)
    defer { client.close() }
    #expect(
      (0..<20).allSatisfy { _ in client.exchange(headers: ["Cookie: p=Secret12"])?.pool == "green" }
    )
    let reverted = try sandbox.canary("revert", "\(name)a")
    #expect(reverted.code == 0, "\(reverted.text)")
    #expect(Set((0..<40).map { _ in client.request().pool }) == ["blue"])
    #expect(try sandbox.canary("status", "\(name)b", "--json").text.contains("\"weight\": 50"))
  }
}
