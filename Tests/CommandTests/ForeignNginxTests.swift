import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// What calls itself Nginx and is not, and what keeps the real one waiting.
@Suite(.blocking) struct ForeignNginxTests {
  @Test(
    .enabled(if: getuid() == 0, "to act as another user takes root"), arguments: [true, false])
  func `no process that calls itself Nginx gets secrets or logs`(hasPidFile: Bool) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.writeNginxConf()
    let seen = "\(sandbox.folder)/seen"
    try sandbox.writeConfig(
      service: "preview: { header: { name: \"X-Preview\", value: \"tea4two\" } },",
      nginx: "verify: \"1s\",")
    let path = "\(sandbox.folder)/canary.json5"
    let config = try #require(Files.contents(path))
    let list = "stat -c '%n %a %U %G' canary/chat.* logs/canary-chat.log"
    try Files.replace(
      path,
      with: config.replacing(
        "reload: [\"nginx\", \"-s\", \"reload\", \"-c\", \"\(sandbox.nginxConf)\"]",
        with: "reload: [\"sh\", \"-c\", \"cd \(sandbox.folder); \(list) >> \(seen) 2>&1\"]"))
    // In a process namespace of its own, no Nginx of root runs.
    let pidFile = hasPidFile ? "echo $! > \(sandbox.folder)/nginx.pid;" : ""
    let script = """
      setpriv --reuid 65534 --regid 65534 --clear-groups bash -c 'exec -a "nginx: master process /usr/sbin/nginx" sleep 60' &
      \(pidFile) sleep 0.5; \(Sandbox.program) apply --config \(path); kill $!
      """
    let ran = try Spawn.run(
      ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", script], limit: .minutes(1))
    guard !ran.output.contains("unshare failed") else { try Test.cancel("no namespaces here") }
    let files = try #require(Files.contents(seen), "\(ran.output)")
    #expect(files.contains("canary/chat.conf 640 root root"), "\(files)")
    #expect(!files.contains("nobody") && !files.contains("nogroup"), "\(files)")
  }

  @Test func `a log that is a pipe is named instead of waited for`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start()
    let pipe = "\(sandbox.folder)/logs/of-yours"
    #expect(mkfifo(pipe, 0o666) == 0)
    try sandbox.writeNginxConf(extra: "server { listen unix:\(pipe).sock; access_log \(pipe); }")
    let words = "\(pipe) is a pipe (FIFO) that nobody reads"
    let promoted = try sandbox.canary("promote", "chat")
    #expect(promoted.code == 1 && promoted.text.contains(words), "\(promoted.text)")
    #expect(try sandbox.field("phase") == "idle")
    // With a reader it is a log like any other.
    let reader = try Child(["sh", "-c", "exec cat \(pipe) > /dev/null"])
    defer { reader.stop() }
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 0, "\(applied.text)")
  }

  @Test func `a log of canary's that is a pipe keeps nobody waiting`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start()
    let log = "\(sandbox.folder)/logs/canary-chat.log"
    unlink(log)
    #expect(mkfifo(log, 0o666) == 0)
    let promoted = try sandbox.canary("promote", "chat")
    #expect(promoted.code == 1, "\(promoted.text)")
    #expect(promoted.text.contains("\(log) is a pipe (FIFO)"), "\(promoted.text)")
    #expect(try sandbox.canary("revert", "chat").code == 0)
    #expect(sandbox.answers(sandbox.port) && !sandbox.isBraked)
  }
}
