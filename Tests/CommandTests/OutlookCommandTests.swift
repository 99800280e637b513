import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// What is said of the traffic before a rollout.
@Suite(.blocking) struct OutlookCommandTests {
  @Test func `a plan that the traffic can't pass is told before it begins`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    // Two requests a second for ten minutes, and a hundredth of them failed.
    let log = "\(sandbox.folder)/own.log"
    let minute = Int(SystemClock.now.second / 60) * 60
    let lines = (0..<1200).map { index in
      "canary1\t\(minute - 600 + index / 2).\(index % 2)00\t1\t\(index % 100 == 0 ? 500 : 200)\t0.020\t127.0.0.1:1"
    }
    try Files.replace(log, with: lines.joined(separator: "\n") + "\n")
    try sandbox.start(
      service: "access_log: [\"\(log) combined\"],",
      plan: """
        stages: [{ weight: 5, soak: "30m" }, { weight: 100, soak: "10m" }],
        checks: [{ name: "errors", metric: "error_rate", max: "0.5%", window: "1m" }]
        """)
    let words = [
      "2 requests/s in the last 10m, 1% failed",
      "stable itself is at 1%, and errors allows 0.5%: a canary as good would not pass",
      "stage 1 (5%) can't pass at this traffic: errors needs 20 canary requests in 1m, about 6 come; at its deadline of 1h30m it would be reverted",
      "what helps: a first weight of 17%, a smaller min_requests, or a time with 6.7 requests/s (canary windows)",
    ]
    let dry = try sandbox.canary("promote", "chat", "--dry-run")
    for text in words { #expect(dry.text.contains(text), "\(dry.text)") }
    let check = try sandbox.canary("check", "chat")
    for text in words.dropFirst() { #expect(check.text.contains(text), "\(check.text)") }
    #expect(check.code == 0, "\(check.text)")
    let promoted = try sandbox.canary("promote", "chat", "--timeout", "2s", "--verbose")
    #expect(promoted.code == 6, "\(promoted.text)")
    for text in words.dropFirst() { #expect(promoted.text.contains(text), "\(promoted.text)") }
    #expect(try sandbox.canary("revert", "chat").code == 0)
  }
}
