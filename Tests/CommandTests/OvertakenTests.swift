import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// An installation that a revert has overtaken touches nothing any more, whenever it goes on.
@Suite(.blocking) struct OvertakenTests {
  /// Where the installation of the second stage is held up.
  enum Step: String, CaseIterable {
    case beforeTest, afterGoodTest, afterBadTest, beforeReload, afterReload, slowBadTest
  }

  private static let plan = """
    stages: [{ weight: 50, soak: "10m" }, { weight: 80, soak: "10m" }, { weight: 100, soak: "1s" }],
    checks: []
    """

  /// A rollout in its first stage, whose test and reload of Nginx do what files in `hooks` say, each once.
  private func soaking(_ sandbox: Sandbox) throws {
    try sandbox.start(service: "weights: \"upstream\",", plan: Self.plan)
    let folder = sandbox.folder
    mkdir("\(folder)/hooks", 0o755)
    try Files.replace(
      "\(folder)/hooked",
      with: """
        #!/bin/sh
        # hooked test|reload: a line in `acts`, then what is asked for, then Nginx.
        cd \(folder)/hooks
        echo $1 $(head -n 1 ../canary/chat.conf) >> ../acts
        now() { mv $1 $1.done 2>/dev/null; }
        now $1.stop && kill -STOP $PPID
        now $1.kill && kill -KILL $PPID
        now $1.fill && dd if=/dev/zero of=../canary/ballast bs=4k 2>/dev/null
        if [ $1 = test ]; then nginx -t -q -c \(sandbox.nginxConf); else nginx -s reload -c \(sandbox.nginxConf); fi
        code=$?
        if now $1.wait; then while ! [ -e go ]; do sleep 0.02; done; fi
        now $1.bad && code=1
        now $1.stop.after && kill -STOP $PPID
        exit $code
        """, mode: 0o755)
    let config = try #require(try Files.read("\(folder)/canary.json5"))
    let conf = ", \"-c\", \"\(sandbox.nginxConf)\"]"
    try Files.replace(
      "\(folder)/canary.json5",
      with: config.replacing(
        "[\"nginx\", \"-t\", \"-q\"\(conf)", with: "[\"\(folder)/hooked\", \"test\"]"
      ).replacing(
        "[\"nginx\", \"-s\", \"reload\"\(conf)", with: "[\"\(folder)/hooked\", \"reload\"]"))
    let begun = try sandbox.canary("promote", "chat", "--detach")
    #expect(begun.code == 0, "\(begun.text)")
    try sandbox.waitForStage(0)
  }

  private func hook(_ sandbox: Sandbox, _ names: String...) throws {
    for name in names { try Files.replace("\(sandbox.folder)/hooks/\(name)", with: "") }
  }

  private func reloads(_ sandbox: Sandbox) throws -> Int {
    try Files.read("\(sandbox.folder)/acts")?.split(separator: "\n").count {
      $0.hasPrefix("reload")
    } ?? 0
  }

  private func isStopped(_ pid: Int32) -> Bool {
    Files.contents("/proc/\(pid)/stat")?.contains(") T ") ?? false
  }

  /// The routing of the generated files, all of one generation.
  private func expectClean(_ sandbox: Sandbox, _ generation: Int, _ step: String) throws {
    let text = try #require(try Files.read("\(sandbox.folder)/canary/chat.conf"))
    let header = try #require(GeneratedHeader(text))
    #expect(header.generation.number == generation && Seal.isWhole(text), "\(step): \(header)")
    #expect(header.routing?.isClean == true, "\(step): \(header)")
    #expect(try sandbox.field("generation") == "\(generation)", "\(step)")
    // The last one to end takes its folder away, which may be a moment later.
    try sandbox.wait("the end of every installation, \(step)", 90) {
      !Files.exists("\(sandbox.folder)/canary/.installing")
    }
    var client = Client(port: sandbox.port)
    defer { client.close() }
    for _ in 0..<40 { #expect(client.request().pool == "blue", "\(step)") }
  }

  @Test(arguments: Step.allCases)
  func `what an overtaken installation does when it goes on changes nothing`(step: Step) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try soaking(sandbox)
    let driver = try #require(
      FileLock.holder("\(sandbox.folder)/run/chat.drive"), "nobody drives")
    switch step {
    case .beforeTest: try hook(sandbox, "test.stop")
    case .afterGoodTest: try hook(sandbox, "test.stop.after")
    case .afterBadTest: try hook(sandbox, "test.bad", "test.stop.after")
    case .beforeReload: try hook(sandbox, "reload.stop")
    case .afterReload: try hook(sandbox, "reload.stop.after")
    case .slowBadTest: try hook(sandbox, "test.wait", "test.bad")
    }
    #expect(try sandbox.canary("advance", "chat").code == 0)
    try sandbox.wait("the installation at \(step)") {
      step == .slowBadTest
        ? Files.exists("\(sandbox.folder)/hooks/test.wait.done") : isStopped(driver)
    }
    let reverted = try sandbox.canary("revert", "chat")
    #expect(reverted.code == 0, "\(reverted.text)")
    let generation = try sandbox.generationOnDisk()
    let reloads = try reloads(sandbox)
    kill(driver, SIGCONT)
    try hook(sandbox, "go")
    try sandbox.wait("the driver's end") {
      FileLock.holder("\(sandbox.folder)/run/chat.drive") == nil
    }
    try expectClean(sandbox, generation, "\(step)")
    #expect(try self.reloads(sandbox) == reloads, "\(step)")
    #expect(!sandbox.isBraked)
    #expect(try sandbox.field("phase") == "reverted")
  }

  @Test(arguments: ["test.kill", "reload.kill"])
  func `a killed installation leaves nothing in the way of the next one`(step: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try soaking(sandbox)
    try hook(sandbox, step)
    #expect(try sandbox.canary("advance", "chat").code == 0)
    try sandbox.wait("the brake") { sandbox.isBraked }
    let untested = try #require(try Files.read("\(sandbox.folder)/canary/chat.conf"))
    #expect(GeneratedHeader(untested)?.routing?.weight.percent == 80)
    // Nginx would refuse what is left: it must not be what the next failure puts back.
    try hook(sandbox, "test.bad")
    let refused = try sandbox.canary("revert", "chat")
    #expect(refused.code == 1, "\(refused.text)")
    let back = try #require(try Files.read("\(sandbox.folder)/canary/chat.conf"))
    #expect(GeneratedHeader(back)?.routing?.weight.percent == (step == "test.kill" ? 50 : 80))
    let reverted = try sandbox.canary("revert", "chat")
    #expect(reverted.code == 0, "\(reverted.text)")
    try expectClean(sandbox, try sandbox.generationOnDisk(), step)
  }

  @Test func `two reverts beside a stopped installation both end well`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try soaking(sandbox)
    let driver = try #require(FileLock.holder("\(sandbox.folder)/run/chat.drive"))
    try hook(sandbox, "test.stop")
    #expect(try sandbox.canary("advance", "chat").code == 0)
    try sandbox.wait("the installation") { isStopped(driver) }
    let reverts = try (0..<2).map { _ in try sandbox.launch("revert", "chat") }
    for revert in reverts { #expect(revert.wait() == 0, "\(revert.text)") }
    kill(driver, SIGCONT)
    try sandbox.wait("the driver's end") {
      FileLock.holder("\(sandbox.folder)/run/chat.drive") == nil
    }
    try expectClean(sandbox, try sandbox.generationOnDisk(), "two reverts")
    #expect(try sandbox.events().count { $0 == "reverted" } == 1)
  }

  @Test(.enabled(if: getuid() == 0, "mounting a small disk needs root"))
  func `the former files come back on a full disk`() throws {
    let sandbox = try Sandbox()
    let folder = "\(sandbox.folder)/canary"
    guard
      try Spawn.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], limit: .seconds(10)
      )
      .succeeded
    else { try Test.cancel("no mounting here") }
    defer {
      sandbox.close()
      _ = try? Spawn.run(["umount", "-l", folder], limit: .seconds(10))
    }
    try soaking(sandbox)
    try hook(sandbox, "test.fill", "test.bad")
    #expect(try sandbox.canary("advance", "chat").code == 0)
    try sandbox.wait("the refusal") { Files.exists("\(sandbox.folder)/hooks/test.bad.done") }
    try sandbox.wait("the brake") { sandbox.isBraked }
    // The stage before, or the revert already, if its files found room.
    let back = try Files.read("\(folder)/chat.conf").flatMap(GeneratedHeader.init)?.routing
    #expect(back?.weight.percent == 50 || back?.isClean == true)
    try Files.remove("\(folder)/ballast")
    try sandbox.wait("the revert") { try sandbox.field("phase") == "reverted" && !sandbox.isBraked }
  }
}
