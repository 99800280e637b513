import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// A folder `run` that goes wrong in the middle of a stage: stable, always, and a clear word.
@Suite(.blocking, .enabled(if: getuid() == 0, "workers of another user, and mounts, take root"))
struct RunFolderTests {
  private static let slow = """
    stages: [{ weight: 50, soak: "10m" }, { weight: 100, soak: "10m" }], checks: []
    """

  private func expectStable(_ sandbox: Sandbox, at place: SourceLocation = #_sourceLocation) {
    var client = Client(port: sandbox.port)
    defer { client.close() }
    let seen = (0..<100).map { _ in client.request() }
    #expect(seen.allSatisfy { $0.pool == "blue" && $0.status == 200 }, sourceLocation: place)
  }

  @Test(arguments: ["", "/chat", "/chat/blue.green", "/chat/blue.green/now"])
  func `a folder that workers cannot enter`(_ folder: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.slow)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    let closed = "\(sandbox.folder)/run/seats\(folder)"
    chmod(closed, 0o700)
    expectStable(sandbox)
    let status = try sandbox.canary("status", "chat").text
    #expect(status.contains("\(closed) is closed to them, so everybody meets stable"), "\(status)")
    #expect(try sandbox.field("weight") == "0")
    let checked = try sandbox.canary("check", "chat")
    #expect(checked.code == 1 && checked.text.contains("chmod o+x \(closed)"), "\(checked.text)")
    // The next stage would be believed by nobody.
    if folder != "/chat/blue.green/now" {
      _ = try sandbox.canary("advance", "chat")
      try sandbox.wait("the end") { try sandbox.field("phase") == "reverted" }
      expectStable(sandbox)
      let history = try sandbox.canary("history", "chat").text
      #expect(history.contains("do not see the set of seats"), "\(history)")
    }
    let reverted = try sandbox.canary("revert", "chat")
    #expect(reverted.code == 0, "\(reverted.text)")
    expectStable(sandbox)
    chmod(closed, 0o755)
    expectStable(sandbox)
    let again = try sandbox.canary("check", "chat")
    #expect(again.code == 0, "\(again.text)")
  }

  @Test func `a canary that nobody met is not promoted`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: "stages: [{ weight: 100, soak: \"10m\" }], checks: []")
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    chmod("\(sandbox.folder)/run/seats/chat/blue.green/now", 0o700)
    _ = try sandbox.canary("advance", "chat")
    try sandbox.wait("the end") { try sandbox.field("phase") == "reverted" }
    expectStable(sandbox)
    let history = try sandbox.canary("history", "chat").text
    #expect(history.contains("do not see the set of seats"), "\(history)")
  }

  @Test func `a read-only run in a stage, and none before the next`() throws {
    let sandbox = try Sandbox()
    let run = "\(sandbox.folder)/run"
    var isMounted = false
    defer {
      if isMounted { _ = try? Spawn.run(["umount", "-l", run], limit: .seconds(10)) }
      sandbox.close()
    }
    try sandbox.start(plan: Self.slow)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    // Over itself, because the driver has files open for writing in it.
    for words in [["--bind", run, run], ["-o", "remount,bind,ro", run]] {
      let mounted = try Spawn.run(["mount"] + words, limit: .seconds(10))
      guard mounted.succeeded else { try Test.cancel("no mounting here") }
      isMounted = true
    }
    let checked = try sandbox.canary("check", "chat")
    #expect(checked.code == 1 && checked.text.contains("✗ run: "), "\(checked.text)")
    let status = try sandbox.canary("status", "chat")
    #expect(status.code == 0 && status.text.contains("50% on green"), "\(status.text)")
    // Files cannot go, so Nginx is given a text that looks for none.
    let reverted = try sandbox.canary("revert", "chat")
    expectStable(sandbox)
    #expect(reverted.code == 0, "\(reverted.text)")
    let promoted = try sandbox.canary("promote", "chat", "--detach")
    usleep(300_000)
    expectStable(sandbox)
    let told = try promoted.text + sandbox.canary("status", "chat").text
    #expect(promoted.code == 1 && told.contains("mounted read-only"), "\(told)")
    _ = try Spawn.run(["umount", "-l", run], limit: .seconds(10))
    isMounted = false
    #expect(try sandbox.canary("revert", "chat").code == 0)
    expectStable(sandbox)
  }

  @Test func `a run without room for another file`() throws {
    let sandbox = try Sandbox()
    let run = "\(sandbox.folder)/run"
    let mounted = try Spawn.run(
      ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=600,mode=755", "tmpfs", run],
      limit: .seconds(10))
    guard mounted.succeeded else { try Test.cancel("no mounting here") }
    defer {
      sandbox.close()
      _ = try? Spawn.run(["umount", "-l", run], limit: .seconds(10))
    }
    try sandbox.start(plan: Self.slow)
    #expect(try sandbox.canary("promote", "chat", "--detach").code == 0)
    try sandbox.waitForStage(0)
    var count = 0
    while close(open("\(run)/ballast.\(count)", O_CREAT | O_WRONLY, 0o600)) == 0 { count += 1 }
    #expect(count > 0)
    let checked = try sandbox.canary("check", "chat")
    #expect(
      checked.code == 1 && checked.text.contains("has no room for another file"), "\(checked.text)")
    _ = try sandbox.canary("advance", "chat")
    try sandbox.wait("the end") { try sandbox.field("phase") == "reverted" }
    expectStable(sandbox)
    let status = try sandbox.canary("status", "chat").text
    #expect(status.contains("No space left on device"), "\(status)")
    let reverted = try sandbox.canary("revert", "chat")
    #expect(reverted.code == 0, "\(reverted.text)")
    expectStable(sandbox)
  }
}
