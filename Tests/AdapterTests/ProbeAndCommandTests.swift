import CanaryAdapters
import CanaryCore
import CanaryDriver
import TestSupport
import Testing

/// What is asked of the servers themselves, and of programs.
@Suite(.blocking) struct ProbeAndCommandTests {
  private func states(_ ports: [Int], _ checks: String) async throws -> [String: CheckState] {
    let folder = try Folder()
    let servers = ports.map { "\"127.0.0.1:\($0)\"" }.joined(separator: ", ")
    let node = try ConfigFile.parse(
      """
      { state: "state", run: "run", services: { chat: {
        pools: { blue: { servers: ["127.0.0.1:1"] }, green: { servers: [\(servers)] } }, stable: "blue",
        plan: { stages: [{ weight: 100, soak: "1m" }], checks: [\(checks)] } } } }
      """, name: "test")
    let config = try ConfigReader(file: "\(folder.path)/canary.json5").read(node)
    let sources = MetricSources(
      config: config, store: SQLiteStore(folder: config.state, patience: .seconds(1)),
      clock: SystemClock(executor: .test), executor: .test)
    var found: [String: CheckState] = [:]
    for check in config.services[0].plan.checks {
      found[check.name.text] = await sources.judgeOnce(check, "chat", pool: "green")
    }
    return found
  }

  private func expect(
    _ state: CheckState?, _ verdict: Verdict, _ words: String,
    _ place: Testing.SourceLocation = #_sourceLocation
  ) {
    #expect(state?.verdict == verdict, "\(state?.detail ?? "")", sourceLocation: place)
    #expect(
      state?.detail.contains(words) == true, "\(state?.detail ?? "")", sourceLocation: place)
  }

  @Test func `a probe looks at status, body and time of every server`() async throws {
    let (fast, slow, bad) = (Sockets.freePort(), Sockets.freePort(), Sockets.freePort())
    let fleet = Fleet([fast: Manner(), slow: Manner(latency: 400), bad: Manner(failing: 1)])
    defer { fleet.close() }
    let checks = """
      { name: "up", probe: "/" },
      { name: "text", probe: "/", expect_body: "ok" },
      { name: "other", probe: "/", expect_body: "fine" },
      { name: "status", probe: "/", expect_status: [200, 204] },
      { name: "teapot", probe: "/", expect_status: 418 },
      { name: "quick", probe: "/", max: "150ms" },
      """
    let one = try await states([fast], checks)
    expect(one["up"], .pass, "the server answers")
    expect(one["text"], .pass, "the server answers")
    expect(one["other"], .fail, "127.0.0.1:\(fast) answered 200 to GET / without 'fine' in it")
    expect(one["status"], .pass, "the server answers")
    expect(one["teapot"], .fail, "127.0.0.1:\(fast) answered 200")
    expect(one["quick"], .pass, "the slowest in ")
    let two = try await states([fast, slow, bad], checks)
    expect(two["up"], .fail, "127.0.0.1:\(bad) answered 500")
    expect(two["quick"], .fail, "127.0.0.1:\(slow) took ")
    expect(two["quick"], .fail, " > 150ms; 127.0.0.1:\(bad) answered 500")
    let gone = Sockets.freePort()
    let three = try await states([fast, gone], checks)
    expect(three["up"], .fail, "127.0.0.1:\(gone) refuses connections")
  }

  @Test func `a program answers by its exit or by a number`() async throws {
    let found = try await states(
      [Sockets.freePort()],
      """
      { name: "true", command: ["true"] },
      { name: "false", command: ["sh", "-c", "echo no disk; exit 3"] },
      { name: "number", command: ["sh", "-c", "echo queue 7"], max: 7 },
      { name: "above", command: ["sh", "-c", "echo 7.5"], max: 7 },
      { name: "nan", command: ["sh", "-c", "echo nan"], max: 7 },
      { name: "words", command: ["sh", "-c", "echo many"], max: 7 },
      { name: "broken", command: ["sh", "-c", "echo 1; exit 1"], max: 7 },
      { name: "late", command: ["sleep", "9"], timeout: "200ms" },
      { name: "none", command: ["/no/such/program"] },
      """)
    expect(found["true"], .pass, "exit 0")
    expect(found["false"], .fail, "exit 3: no disk")
    expect(found["number"], .pass, "7 ≤ 7")
    expect(found["above"], .fail, "7.5 > 7")
    expect(found["nan"], .inconclusive, "not a number to judge by")
    expect(found["words"], .error, "printed no number: many")
    expect(found["broken"], .error, "exited with 1: 1")
    expect(found["late"], .error, "did not end within 200ms")
    expect(found["none"], .error, "no such program")
  }
}
