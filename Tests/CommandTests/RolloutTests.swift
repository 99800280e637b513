import CanaryCore
import TestSupport
import Testing

@Suite(.serialized) struct RolloutTests {
  @Test func `a good release reaches everybody and hurts nobody`() throws {
    let sandbox = try Sandbox(blue: 2)
    defer { sandbox.close() }
    try sandbox.start()
    let load = Load(port: sandbox.port, clients: 4, pause: Span(milliseconds: 2))
    let promoted = try sandbox.canary("promote", "chat", "--release", "v2")
    let seen = load.stop()
    #expect(promoted.code == 0, "\(promoted.text)")
    let failed = seen.filter { $0.status != 200 }
    #expect(failed.isEmpty, "\(failed.count) of \(seen.count): \(failed.prefix(3))")
    print(promoted.text)
  }

  @Test func `a release that fails one in five is flipped back`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start()
    try sandbox.set("green.fail")
    let load = Load(port: sandbox.port, clients: 4, pause: Span(milliseconds: 2))
    let promoted = try sandbox.canary("promote", "chat", "--release", "v2")
    print(promoted.text)
    let seen = load.stop()
    #expect(promoted.code == 3, "\(promoted.text)")
    print(seen.filter { $0.status != 200 }.count, seen.count)
  }
}
