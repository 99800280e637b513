import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// The judge with real Nginx and real load: many services at once behind one Nginx, each with a fate of its own.
@Suite(.blocking) struct ComparisonTests {
  private enum Fate: Equatable {
    /// The canary fails 5 %, stable 0.1 %.
    case bad
    /// Both fail 2 %.
    case alike
    /// The canary takes three times as long.
    case slow
    /// After a moment, the canary takes requests and never answers.
    case hung
    /// Both begin to fail in the middle of the first stage.
    case shared
  }

  private struct Member {
    let name: String
    let fate: Fate
    let port = Sockets.freePort()
    let blue = Sockets.freePort()
    let green = Sockets.freePort()
  }

  /// On a busy machine a pool may really be slower: of those whose fate is another, no latency is compared.
  private func plan(_ fate: Fate) -> String {
    switch fate {
    case .alike: "ramp"
    case .bad, .slow: "one"
    case .hung, .shared: "errors"
    }
  }

  /// The equal ones go by a strict alpha: by the usual one, chance alone may revert one of twenty in every fifth run.
  ///
  /// How often it does is what `SimulatedRolloutTests` counts.
  private func config(_ members: [Member], _ folder: String) -> String {
    let services = members.map { one in
      """
      \(one.name): {
        listen: ["127.0.0.1:\(one.port)"], stable: "blue",
        plan: "\(plan(one.fate))",
        pools: { blue: { servers: ["127.0.0.1:\(one.blue)"] }, green: { servers: ["127.0.0.1:\(one.green)"] } },
      },
      """
    }.joined(separator: "\n")
    let compared = """
      { name: "errors_vs_stable", metric: "error_rate", versus: "stable" },
      { name: "p50_vs_stable", metric: "latency_p50", versus: "stable" },
      { name: "p95_vs_stable", metric: "latency_p95", versus: "stable" },
      { name: "p99_vs_stable", metric: "latency_p99", versus: "stable" },
      """
    return """
      {
        nginx: {
          config: "nginx.conf", include: "canary", logs: "logs",
          test: ["nginx", "-t", "-q", "-c", "\(folder)/nginx.conf"],
          reload: ["nginx", "-s", "reload", "-c", "\(folder)/nginx.conf"],
        },
        state: "state", run: "run",
        services: { \(services) },
        plans: {
          one: {
            stages: [{ weight: 5, soak: "10m" }, { weight: 100, soak: "1s" }],
            checks: [
              { name: "errors", metric: "error_rate", max: "5%", window: "30s", min_requests: 100 },
              \(compared)
            ],
          },
          errors: {
            stages: [{ weight: 5, soak: "10m" }, { weight: 100, soak: "1s" }],
            checks: [
              { name: "errors", metric: "error_rate", max: "5%", window: "30s", min_requests: 100 },
              { name: "errors_vs_stable", metric: "error_rate", versus: "stable" },
            ],
          },
          ramp: {
            stages: [
              { weight: 5, soak: "12s" }, { weight: 10, soak: "12s" }, { weight: 30, soak: "12s" },
              { weight: 60, soak: "12s" }, { weight: 100, soak: "6s" },
            ],
            evidence: "thresholds", alpha: "0.01%", checks: [\(compared)],
          },
        },
      }

      """
  }

  @Test(.hungry) func `the judge is right about forty-three services at once`() throws {
    var members = (0..<20).flatMap { index in
      [Member(name: "bad\(index)", fate: .bad), Member(name: "alike\(index)", fate: .alike)]
    }
    let slow = Member(name: "slow", fate: .slow)
    let hung = Member(name: "hung", fate: .hung)
    let shared = Member(name: "shared", fate: .shared)
    members += [slow, hung, shared]
    var apps: [Int: Manner] = [:]
    for one in members {
      switch one.fate {
      case .bad:
        apps[one.blue] = Manner(failing: 0.001)
        apps[one.green] = Manner(failing: 0.05)
      case .alike:
        apps[one.blue] = Manner(failing: 0.02)
        apps[one.green] = Manner(failing: 0.02)
      case .slow:
        apps[one.blue] = Manner(latency: 20)
        apps[one.green] = Manner(latency: 60)
      case .hung:
        apps[one.blue] = Manner()
        apps[one.green] = Manner()
      case .shared:
        apps[one.blue] = Manner()
        apps[one.green] = Manner()
      }
    }
    let fleet = Fleet(apps)
    defer { fleet.close() }
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startNginx()
    try Files.replace(
      "\(sandbox.folder)/canary.json5", with: config(members, sandbox.folder))
    let applied = try sandbox.canary("apply")
    try #require(applied.code == 0, "\(applied.text)")
    let controller = try sandbox.launch("controller")
    for one in members { fleet.load(one.port, rate: 100) }
    // So much is known of stable before: how often it fails, and how fast it is.
    try sandbox.wait("a baseline", 60) { members.allSatisfy { fleet.served($0.blue) > 800 } }
    // Those that take longest begin first.
    for one in members.filter({ $0.fate == .alike }) + members.filter({ $0.fate != .alike }) {
      let promoted = try sandbox.canary("promote", one.name, "--detach")
      #expect(promoted.code == 0, "\(promoted.text)")
    }
    let phase = { (one: Member) in
      let text = try sandbox.canary("status", one.name, "--json").text
      return (
        text: text,
        phase: ["soaking", "reverted", "promoted"].first { text.contains("\"phase\": \"\($0)\"") }
      )
    }
    try sandbox.wait("the shared one and the one that hangs have begun", 180) {
      fleet.served(shared.green) > 20 && fleet.served(hung.green) > 20
    }
    fleet.set(hung.green, Manner(latency: 1e8))
    // Stable's tries that fail are tried again on the canary, so its rate would pass the bound seconds before stable's.
    fleet.set(shared.blue, Manner(failing: 0.3))
    try sandbox.wait("stable breaks its bound", 60) { fleet.failed(shared.blue) > 300 }
    fleet.set(shared.green, Manner(failing: 0.3))

    try sandbox.wait("the bad ones are back", 120) {
      try members.allSatisfy { try $0.fate != .bad || phase($0).phase == "reverted" }
    }
    let failed = members.filter { $0.fate == .bad }.map { fleet.failed($0.green) }.sorted()
    print("failed tries until the revert: \(failed)")
    #expect(failed[failed.count / 2] <= 10, "\(failed)")
    let why = try phase(members[0]).text
    #expect(why.contains("against stable") && why.contains("if they were alike"), "\(why)")

    try sandbox.wait("the slow one is back", 120) { try phase(slow).phase == "reverted" }
    let slowness = try phase(slow).text
    #expect(slowness.contains("slower than stable's p"), "\(slowness)")

    try sandbox.wait("the hung one is back", 120) { try phase(hung).phase == "reverted" }
    let silence = try phase(hung).text
    #expect(silence.contains(" requests where "), "\(silence)")

    try sandbox.wait("the equal ones are through", 180) {
      try members.allSatisfy { try $0.fate != .alike || phase($0).phase != "soaking" }
    }
    for one in members where one.fate == .alike {
      let end = try phase(one)
      #expect(end.phase == "promoted", "\(end.text)")
    }

    let held = try phase(shared)
    #expect(held.phase == "soaking", "\(held.text)")
    #expect(held.text.contains("a fault of both, the canary is not blamed"), "\(held.text)")
    controller.stop()
  }
}
