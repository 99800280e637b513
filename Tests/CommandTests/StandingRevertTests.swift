import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// A revert against everything that may hold a rollout up: it is as fast as without.
@Suite(.blocking) struct StandingRevertTests {
  enum Obstacle: String, CaseIterable {
    case none, window, freeze, approval, hook, webhook, stopped
  }

  private func stages(_ obstacle: Obstacle) -> String {
    let approval = obstacle == .approval ? ", approval: { count: 3 }" : ""
    let soak = obstacle == .approval || obstacle == .hook ? "1s" : "10m"
    return """
      stages: [{ weight: 50, soak: "\(soak)" }, { weight: 100, soak: "10m"\(approval) }],
      checks: [{ name: "health", probe: "/health", every: "300ms", failures: 3 }]
      """
  }

  private func service(_ obstacle: Obstacle) -> String {
    switch obstacle {
    // The first stage goes through; the hook before the second one hangs, and so does the one after the revert.
    case .hook:
      """
      hooks: {
        before_stage: [{ run: ["sh", "-c", "test $CANARY_STAGE = 1 || exec sleep 600"], timeout: "20m" }],
        after_revert: [{ run: ["sleep", "600"], timeout: "20m" }],
      },
      """
    default: ""
    }
  }

  /// Brings a rollout to 50 % with the obstacle in its way, and returns how long users still meet the canary.
  private func revert(_ obstacle: Obstacle) throws -> Span {
    let sandbox = try Sandbox()
    let silent = sandbox.standIn("silent")
    silent.set(delay: .minutes(10))
    defer { sandbox.close() }
    let top =
      obstacle == .webhook
      ? "notify: { ops: { webhook: \"http://127.0.0.1:\(silent.port)/\" } }," : ""
    try sandbox.start(service: service(obstacle), plan: stages(obstacle), top: top)
    let controller = try sandbox.launch("controller")
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.wait("the first stage", 60) { try sandbox.field("weight") == "50" }
    switch obstacle {
    case .none: break
    case .window:
      // A window that was open once and never will be again.
      try sandbox.writeConfig(
        service: "windows: [{ dates: \"2001-01-01\" }],", plan: stages(obstacle))
      controller.signal(SIGHUP)
      try sandbox.wait("the new config") { controller.text.contains("read anew") }
    case .freeze:
      let frozen = try sandbox.canary("freeze", "--reason", "the week's end")
      #expect(frozen.code == 0, "\(frozen.text)")
      let refused = try sandbox.canary("promote", "chat")
      #expect(refused.code == 5)
      #expect(
        try sandbox.canary("status", "chat").text.contains("the week's end; canary thaw ends it"))
      #expect(try sandbox.status().contains("\"reason\": \"the week's end\""))
    case .approval:
      try sandbox.wait("the approval", 60) {
        try sandbox.status().contains("\"phase\": \"awaiting_approval\"")
      }
    case .hook:
      try sandbox.wait("the hook that hangs", 60) {
        try sandbox.canary("status", "chat").text.contains("waiting for the hooks")
      }
    case .webhook: try sandbox.wait("the webhook that hangs") { !silent.posts.isEmpty }
    case .stopped: controller.signal(SIGSTOP)
    }
    let load = Load(port: sandbox.port, clients: 4)
    try sandbox.wait("load") { load.count > 500 }
    let begun = SystemClock.now
    let reverted = try sandbox.canary("revert", "chat", "--reason", "\(obstacle)")
    let since = SystemClock.now
    usleep(300_000)
    let seen = load.stop()
    if obstacle == .stopped { controller.signal(SIGCONT) }
    #expect(reverted.code == 0, "\(obstacle): \(reverted.text)")
    let late = seen.filter { $0.began > since && $0.pool != "blue" }.count
    #expect(late == 0 && seen.contains { $0.pool == "green" }, "\(obstacle): \(late)")
    #expect(seen.allSatisfy { $0.status == 200 }, "\(obstacle)")
    // A controller that was stopped while it wrote holds the store: then the brake is the revert until it goes on.
    try sandbox.wait("the end of \(obstacle)") { try sandbox.field("phase") == "reverted" }
    // A driver that is stopped is given two seconds before its work is done by somebody else; users wait for none of it.
    #expect(since - begun < .seconds(20), "\(obstacle)")
    let last = seen.filter { $0.pool == "green" }.map(\.began).max() ?? begun
    return last - begun
  }

  @Test(.long)
  func
    `a window, a freeze, an approval, a hook, a webhook and a stopped controller delay no revert`()
    throws
  {
    let plain = try revert(.none)
    for obstacle in Obstacle.allCases where obstacle != .none {
      let took = try revert(obstacle)
      #expect(took < plain + .seconds(1), "\(obstacle): \(took), without it \(plain)")
    }
  }

  @Test func `a config that cannot be used leaves the former one to the controller`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: stages(.none))
    let controller = try sandbox.launch("controller")
    try sandbox.wait("the controller") { controller.text.contains("driving 1 service") }
    try sandbox.writeConfig(service: "windows: [{ dayz: \"mon\" }], typo: 1,", plan: stages(.none))
    controller.signal(SIGHUP)
    try sandbox.wait("the refusal") { controller.text.contains("the former config stays") }
    #expect(controller.text.contains("services.chat.windows[0].dayz"), "\(controller.text)")
    #expect(controller.text.contains("services.chat.typo"), "\(controller.text)")
    try sandbox.writeConfig(plan: Sandbox.quick)
    controller.signal(SIGHUP)
    try sandbox.wait("the new config") { controller.text.contains("read anew") }
    let load = Load(port: sandbox.port, clients: 4)
    #expect(try sandbox.canary("promote", "chat", limit: .minutes(2)).code == 0)
    _ = load.stop()
    controller.signal(SIGTERM)
    #expect(controller.wait() == 0)
  }
}
