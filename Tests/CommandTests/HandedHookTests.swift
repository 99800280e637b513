import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// Hooks of a driver whose program was exchanged while it ran: one of before hands over a file alone.
@Suite(.blocking) struct HandedHookTests {
  /// Starts `__hook` as such a driver does.
  private func hook(_ sandbox: Sandbox, _ base: String) throws {
    // The parent's command line names the config.
    let script = """
      import subprocess, sys
      subprocess.run([sys.argv[1], "__hook", sys.argv[2]], stdin=subprocess.DEVNULL, timeout=50)
      """
    _ = try Spawn.run(
      [
        "python3", "-c", script, Sandbox.program, base, "--config",
        "\(sandbox.folder)/canary.json5",
      ], limit: .minutes(1))
  }

  @Test func `a hook of a driver of before runs as the config has it`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let ran = "\(sandbox.folder)/ran"
    try sandbox.start(
      service: """
        hooks: { after_promote: [{ run: ["sh", "-c", "echo $CANARY_HOOK >> \(ran)"] }] },
        """,
      plan: "stages: [{ weight: 100, soak: \"200ms\" }], checks: []")
    #expect(try sandbox.canary("promote", "chat").code == 0)
    let hooks = "\(sandbox.folder)/state/hooks"
    try sandbox.wait("the hook") {
      Files.names(in: hooks).contains { $0.hasSuffix(".end") }
    }
    let job = try #require(Files.names(in: hooks).first { $0.hasSuffix(".job") })
    let base = "\(hooks)/\(job.dropLast(4))"
    func forget() throws { for end in [".end", ".begun"] { try Files.remove(base + end) } }
    #expect(Files.contents(ran)?.split(separator: "\n").count == 1)
    try forget()
    try hook(sandbox, base)
    #expect(Files.contents(ran)?.split(separator: "\n").count == 2)
    #expect(Files.contents(base + ".end")?.contains("exit 0") == true)
    // Whoever may write the state runs nothing by it.
    try forget()
    let text = try #require(Files.contents(base + ".job"))
    try Files.replace(base + ".job", with: text.replacing(">> ", with: "> /dev/null; touch x"))
    try hook(sandbox, base)
    #expect(Files.contents(ran)?.split(separator: "\n").count == 2)
    #expect(Files.contents(base + ".end")?.contains("has no such hook") == true)
  }
}
