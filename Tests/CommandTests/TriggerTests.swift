import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// The example that begins a rollout for whoever knows a secret, as systemd starts it: a connection is
/// its input and output.
@Suite(.blocking) struct TriggerTests {
  private static let secret = "a-secret-of-more-than-16-bytes"

  private func ask(
    _ sandbox: Sandbox, _ body: String, signature: String? = nil, method: String = "POST"
  ) throws -> String {
    let sign = signature ?? "sha256=" + Digest.hex(Digest.hmac(body, key: Self.secret))
    let request =
      "\(method) / HTTP/1.1\r\nHost: x\r\nX-Canary-Signature: \(sign)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    return try Spawn.run(
      ["python3", "\(Docs.root)/docs/examples/trigger/trigger.py"], limit: .seconds(60),
      environment: [
        "TRIGGER_SECRET": "\(sandbox.folder)/secret", "TRIGGER_SERVICES": "other chat",
        "CANARY": Sandbox.program, "CANARY_CONFIG": "\(sandbox.folder)/canary.json5",
      ], input: request
    ).output
  }

  private func body(
    _ service: String = "chat", _ release: String = "v1.3.0", age: Int = 0
  ) -> String {
    "{\"service\": \"\(service)\", \"release\": \"\(release)\", \"time\": \(Int(SystemClock.now.second) - age)}"
  }

  @Test func `a signed request begins a rollout, and no other does`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      plan: "stages: [{ weight: 50, soak: \"1h\" }, { weight: 100, soak: \"1s\" }], checks: []")
    try Files.replace("\(sandbox.folder)/secret", with: Self.secret + "\n", mode: 0o600)
    let refused: [(answer: String, says: String)] = [
      (try ask(sandbox, body(), signature: "sha256=00"), "403 Forbidden"),
      (try ask(sandbox, body(), signature: ""), "403 Forbidden"),
      (try ask(sandbox, body(age: 400)), "more than five minutes ago"),
      (try ask(sandbox, body(age: -400)), "more than five minutes ago"),
      (try ask(sandbox, body("gone")), "404 Not Found"),
      (try ask(sandbox, body("chat", "--plan=x")), "no name of a release"),
      (try ask(sandbox, body("chat; reboot")), "404 Not Found"),
      (try ask(sandbox, "{\"service\": 1}"), "needs service, release and time"),
      (try ask(sandbox, "[" + String(repeating: "[", count: 5000)), "400 Bad Request"),
      (
        try ask(
          sandbox,
          "{\"service\": \"chat\", \"release\": \"v1\", \"time\": 1\(String(repeating: "0", count: 400))}"
        ),
        "400 Bad Request"
      ),
      (
        try ask(sandbox, "{\"service\": \"chat\", \"release\": \"v1\", \"time\": NaN}"),
        "403 Forbidden"
      ),
      (try ask(sandbox, body(), method: "GET"), "405 Method Not Allowed"),
    ]
    for one in refused { #expect(one.answer.contains(one.says), "\(one)") }
    #expect(try sandbox.field("phase") == "idle")
    let begun = try ask(sandbox, body())
    #expect(begun.hasPrefix("HTTP/1.1 202 Accepted\r\n"), "\(begun)")
    #expect(begun.contains("rollout 1 of chat has begun"), "\(begun)")
    try sandbox.waitForStage(0)
    #expect(try sandbox.field("release") == "v1.3.0")
    let busy = try ask(sandbox, body("chat", "v1.4.0"))
    #expect(busy.hasPrefix("HTTP/1.1 409 Conflict"), "\(busy)")
  }
}
