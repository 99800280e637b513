import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// With real Nginx and real load: what happens to both pools, or to stable alone, reverts no good release.
@Suite(.blocking) struct GoodReleaseTests {
  private struct Member {
    let name: String
    let plan: String
    let port = Sockets.freePort()
    let blue = Sockets.freePort()
    let green = Sockets.freePort()
  }

  private func config(_ members: [Member], _ folder: String) -> String {
    let services = members.map { one in
      """
      \(one.name): {
        listen: ["127.0.0.1:\(one.port)"], stable: "blue", plan: "\(one.plan)",
        pools: { blue: { servers: ["127.0.0.1:\(one.blue)"] }, green: { servers: ["127.0.0.1:\(one.green)"] } },
      },
      """
    }.joined(separator: "\n")
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
          both: {
            stages: [{ weight: 5, soak: "15s" }, { weight: 60, soak: "10m" }, { weight: 100, soak: "1s" }], evidence: "thresholds",
            checks: [
              { name: "errors", metric: "error_rate", max: "5%" },
              { name: "errors_vs_stable", metric: "error_rate", versus: "stable" },
            ],
          },
          tails: {
            stages: [{ weight: 20, soak: "45s" }, { weight: 100, soak: "1s" }], evidence: "thresholds",
            checks: [
              { name: "latency", metric: "latency_p99", max: "300ms", window: "5s", every: "1s" },
              { name: "errors_vs_stable", metric: "error_rate", versus: "stable" },
            ],
          },
          hotfix: {
            stages: [{ weight: 30, soak: "10s", deadline: "90s" }, { weight: 100, soak: "1s" }],
            checks: [
              { name: "errors", metric: "error_rate", max: "5%" },
              { name: "errors_vs_stable", metric: "error_rate", versus: "stable" },
            ],
          },
        },
      }

      """
  }

  @Test(.hungry) func `tails, faults of both and a stable that fails revert no good release`()
    throws
  {
    let both = Member(name: "both", plan: "both")
    let tails = Member(name: "tails", plan: "tails")
    let broken = Member(name: "broken", plan: "tails")
    let hotfix = Member(name: "hotfix", plan: "hotfix")
    let members = [both, tails, broken, hotfix]
    let tail = Manner(latency: 1, tail: 0.004)
    let fleet = Fleet([
      both.blue: Manner(), both.green: Manner(), tails.blue: tail, tails.green: tail,
      broken.blue: tail, broken.green: Manner(latency: 1, tail: 0.3),
      hotfix.blue: Manner(failing: 0.08), hotfix.green: Manner(),
    ])
    defer { fleet.close() }
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startNginx()
    try Files.replace("\(sandbox.folder)/canary.json5", with: config(members, sandbox.folder))
    let applied = try sandbox.canary("apply")
    try #require(applied.code == 0, "\(applied.text)")
    let controller = try sandbox.launch("controller")
    for one in members { fleet.load(one.port, rate: 100) }
    try sandbox.wait("a baseline", 60) { members.allSatisfy { fleet.served($0.blue) > 800 } }
    for one in members {
      let promoted = try sandbox.canary("promote", one.name, "--detach")
      #expect(promoted.code == 0, "\(promoted.text)")
    }
    let status = { (one: Member) in try sandbox.canary("status", one.name, "--json").text }
    // Soon after the change of weight, both fail.
    try sandbox.wait("the second stage", 90) { try status(both).contains("\"weight\": 60") }
    let before = fleet.served(both.green)
    try sandbox.wait("some traffic", 30) { fleet.served(both.green) > before + 150 }
    for port in [both.blue, both.green] { fleet.set(port, Manner(failing: 0.3)) }
    let failed = fleet.failed(both.green)
    try sandbox.wait("failures of both", 60) { fleet.failed(both.green) > failed + 250 }
    let shared = try status(both)
    #expect(shared.contains("\"phase\": \"soaking\""), "\(shared)")
    #expect(shared.contains("a fault of both"), "\(shared)")

    try sandbox.wait("the one that is slow is back", 60) {
      try status(broken).contains("\"phase\": \"reverted\"")
    }
    let brokenEnd = try status(broken)
    #expect(brokenEnd.contains("check latency failed"), "\(brokenEnd)")
    try sandbox.wait("the one with tails is through", 120) {
      try !status(tails).contains("\"phase\": \"soaking\"")
    }
    let tailsEnd = try status(tails)
    #expect(tailsEnd.contains("\"phase\": \"promoted\""), "\(tailsEnd)")
    try sandbox.wait("the hotfix is through", 120) {
      try !status(hotfix).contains("\"phase\": \"soaking\"")
    }
    let hotfixEnd = try status(hotfix)
    #expect(hotfixEnd.contains("\"phase\": \"promoted\""), "\(hotfixEnd)")
    controller.stop()
  }
}
