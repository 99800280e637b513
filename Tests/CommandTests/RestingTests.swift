import CanaryAdapters
import CanaryCore
import CanaryDriver
import Glibc
import TestSupport
import Testing

/// Services at rest share what would cost Nginx as often as there are services.
@Suite(.blocking) struct RestingTests {
  private static let names: [ServiceName] = ["chat", "a", "Web-1", "z"]

  private let ports = names.map { _ in Sockets.freePort() }

  private func write(_ sandbox: Sandbox, broken: Bool = false) throws {
    func pools(_ blue: String) -> String {
      "pools: { blue: { servers: [\"\(blue)\"] }, green: { servers: [\"127.0.0.1:\(sandbox.greenPorts[0])\"] } }, stable: \"blue\","
    }
    let services = Self.names.enumerated().map { index, name in
      let blue = broken && index == 1 ? "gone.invalid:80" : "127.0.0.1:\(sandbox.bluePorts[0])"
      let listen = "listen: [\"127.0.0.1:\(index == 0 ? sandbox.port : ports[index])\"],"
      return "\"\(name)\": { \(listen) \(pools(blue)) plan: \"slow\" },"
    }
    try sandbox.writeConfig(
      services: services.joined(separator: "\n"),
      top:
        "plans: { slow: { stages: [{ weight: 50, soak: \"1h\" }, { weight: 100, soak: \"1s\" }], checks: [] } },"
    )
  }

  private func answer(_ sandbox: Sandbox, _ service: ServiceName) -> String {
    let probe = WorkerProbe(socket: "\(sandbox.folder)/run/probe.sock")
    guard let answer = try? probe.query(service) else { return "-" }
    return "\(answer.text) \(answer.base?.text ?? "-") \(answer.looksForSet)"
  }

  private func main(_ sandbox: Sandbox, _ service: ServiceName) throws -> String {
    try Files.read("\(sandbox.folder)/canary/\(service).conf") ?? ""
  }

  @Test func `one server answers for all at rest and each in a rollout for itself`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startApps()
    try sandbox.startNginx()
    try write(sandbox)
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 0, "\(applied.text)")
    for name in Self.names {
      #expect(answer(sandbox, name) == "1 blue false")
      #expect(try !main(sandbox, name).contains(".canary;"))
    }
    #expect(answer(sandbox, "other") == "-" && sandbox.answers(sandbox.port))
    #expect(try sandbox.canary("check").code == 0)

    // In a rollout the service answers itself, because it has more to tell.
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    #expect(answer(sandbox, "chat").hasSuffix("blue true"))
    #expect(try main(sandbox, "chat").contains("server_name chat.canary;"))
    #expect(answer(sandbox, "z") == "1 blue false")
    #expect(try sandbox.canary("revert", "chat").code == 0)

    // What Nginx refuses is put back, and what is said of it as well.
    try write(sandbox, broken: true)
    let refused = try sandbox.canary("apply", "a")
    #expect(refused.code == 1, "\(refused.text)")
    let common = try Files.read("\(sandbox.folder)/canary/canary.common.conf") ?? ""
    #expect(common.contains("\"a 1 0 blue\" a;") && Seal.isWhole(common), "\(common)")
    #expect(answer(sandbox, "a") == "1 blue false")

    // It is made again where somebody has removed it.
    try Files.remove("\(sandbox.folder)/canary/canary.common.conf")
    try write(sandbox)
    #expect(try sandbox.canary("apply").code == 0)
    #expect(Files.exists("\(sandbox.folder)/canary/canary.common.conf"))
    #expect(try sandbox.canary("check").code == 0)
  }
}
