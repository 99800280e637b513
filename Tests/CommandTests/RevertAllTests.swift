import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// `canary revert --all`, with services in every state.
@Suite(.blocking) struct RevertAllTests {
  private let names = ["chat", "shop", "promoted", "idle"]

  private func write(_ sandbox: Sandbox) throws {
    let services = names.enumerated().map { index, name in
      let port = index == 0 ? sandbox.port : Sockets.freePort()
      let stages =
        name == "promoted"
        ? "{ weight: 100, soak: \"100ms\" }"
        : "{ weight: 50, soak: \"1h\" }, { weight: 100, soak: \"1s\" }"
      return """
        "\(name)": { listen: ["127.0.0.1:\(port)"], stable: "blue", plan: { stages: [\(stages)], checks: [] },
          pools: { blue: { servers: ["127.0.0.1:\(sandbox.bluePorts[0])"] }, green: { servers: ["127.0.0.1:\(sandbox.greenPorts[0])"] } } },
        """
    }
    try sandbox.writeConfig(services: services.joined(separator: "\n"))
  }

  private func phase(_ sandbox: Sandbox, _ name: String) throws -> String {
    let text = try sandbox.canary("status", name, "--json").text
    return text.firstMatch(of: /"phase": "([a-z_]+)"/).map { String($0.1) } ?? text
  }

  @Test func `every rollout that is not over goes back, and nothing else`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startApps()
    try sandbox.startNginx()
    try write(sandbox)
    #expect(try sandbox.canary("apply").code == 0)
    let idle = try sandbox.canary("revert", "--all")
    #expect(idle.code == 0 && idle.text.contains("nothing to revert"), "\(idle.text)")
    #expect(try sandbox.canary("promote", "promoted").code == 0)
    for name in ["chat", "shop"] {
      #expect(try sandbox.canary("promote", name, "--detach").code == 0)
    }
    for name in ["chat", "shop"] { try sandbox.waitForStage(0, of: name) }
    let all = try sandbox.canary("revert", "--all", "--reason", "a fire")
    #expect(all.code == 0, "\(all.text)")
    for line in [
      "chat:\nreverted: all traffic is on blue", "shop:\nreverted: all traffic is on blue",
    ] {
      #expect(all.text.contains(line), "\(all.text)")
    }
    #expect(!all.text.contains("promoted:") && !all.text.contains("idle:"), "\(all.text)")
    var client = Client(port: sandbox.port)
    defer { client.close() }
    #expect(Set((0..<40).map { _ in client.request().pool }) == ["blue"])
    #expect(
      try names.map { try phase(sandbox, $0) } == ["reverted", "reverted", "promoted", "idle"])
    // A config that cannot be used, by the fault of one service, keeps none from stable.
    for name in ["chat", "shop"] {
      #expect(try sandbox.canary("promote", name, "--detach").code == 0)
    }
    for name in ["chat", "shop"] { try sandbox.waitForStage(0, of: name) }
    let path = "\(sandbox.folder)/canary.json5"
    let config = try #require(try Files.read(path))
    try Files.replace(path, with: config.replacing("\"idle\": {", with: "\"idle\": { typo: 1,"))
    let broken = try sandbox.canary("revert", "--all")
    #expect(broken.code == 1 && broken.text.contains("the config must be mended"), "\(broken.text)")
    #expect(Set((0..<40).map { _ in client.request().pool }) == ["blue"])
    try Files.replace(path, with: config)
    #expect(try phase(sandbox, "chat") == "reverted" && phase(sandbox, "shop") == "reverted")
    let both = try sandbox.canary("revert", "chat", "--all")
    #expect(both.code == 2 && both.text.contains("either chat or --all"), "\(both.text)")
    let none = try sandbox.canary("revert")
    #expect(none.code == 2 && none.text.contains("which service?"), "\(none.text)")
  }
}
