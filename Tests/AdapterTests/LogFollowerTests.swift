import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

@Suite(.blocking) struct LogFollowerTests {
  private static let parser = LogParser(PoolTable([("127.0.0.1:9002", "green")]), .response)
  private static func line(_ number: Int) -> String {
    "canary1\t1795000000.\(number % 900 + 100)\t1\t200\t0.001\t127.0.0.1:9002\t200\t0.001\t0.001\n"
  }

  /// A log that a test writes and rotates.
  private final class Log {
    let folder: Folder
    var path: String { "\(folder.path)/canary-chat.log" }
    var written = 0
    private var file: CInt = -1

    init() throws {
      folder = try Folder()
      reopen()
    }
    deinit { close(file) }

    func reopen() {
      if file >= 0 { close(file) }
      file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    }

    func write(_ count: Int) {
      for _ in 0..<count {
        raw(LogFollowerTests.line(written))
        written += 1
      }
    }

    func raw(_ text: String) {
      let bytes = Array(text.utf8)
      _ = Glibc.write(file, bytes, bytes.count)
    }
  }

  private func count(_ tally: LogTally) -> Int {
    var tally = tally
    return tally.total(pool: "green", from: 0, through: 1 << 40).requests
  }

  @Test func `every line is counted once over renames and restarts at random points`() throws {
    var dice = Dice(seed: 4)
    for round in 0..<30 {
      let log = try Log()
      var tally = LogTally(pools: ["green"])
      var follower = LogFollower(path: log.path, parser: Self.parser, from: .beginning)
      for step in 0..<40 {
        log.write(dice.below(30))
        switch dice.below(6) {
        case 0:
          // logrotate: renamed, written to for a while by workers that have not heard, then reopened.
          rename(log.path, "\(log.path).\(step)")
          log.write(dice.below(10))
          if dice.chance(50) { try follower.poll(into: &tally) }
          log.write(dice.below(10))
          log.reopen()
        case 1:
          // Half a line is no line yet.
          let text = Self.line(log.written)
          log.raw(String(text.prefix(30)))
          try follower.poll(into: &tally)
          log.raw(String(text.dropFirst(30)))
          log.written += 1
        case 2:
          let positions = follower.positions
          follower = LogFollower(path: log.path, parser: Self.parser, from: .positions(positions))
        default: try follower.poll(into: &tally)
        }
      }
      for _ in 0..<3 { try follower.poll(into: &tally) }
      #expect(count(tally) == log.written, "round \(round)")
      #expect(tally.unreadable == 0)
    }
  }

  @Test func `a copytruncate begins the log anew`() throws {
    let log = try Log()
    var tally = LogTally(pools: ["green"])
    let follower = LogFollower(path: log.path, parser: Self.parser, from: .beginning)
    log.write(500)
    try follower.poll(into: &tally)
    _ = try Spawn.run(
      ["sh", "-c", "cp \(log.path) \(log.path).1 && truncate -s 0 \(log.path)"], limit: .seconds(10)
    )
    log.write(20)
    try follower.poll(into: &tally)
    #expect(count(tally) == 520)
  }

  @Test func `a new reader begins at the end and a log that is not there yet at its beginning`()
    throws
  {
    let log = try Log()
    log.write(50)
    var tally = LogTally(pools: ["green"])
    let follower = LogFollower(path: log.path, parser: Self.parser, from: .end)
    try follower.poll(into: &tally)
    log.write(7)
    try follower.poll(into: &tally)
    #expect(count(tally) == 7)
    unlink(log.path)
    let early = LogFollower(path: log.path, parser: Self.parser, from: .end)
    var later = LogTally(pools: ["green"])
    try early.poll(into: &later)
    log.reopen()
    log.write(9)
    try early.poll(into: &later)
    #expect(count(later) == 9)
  }

  @Test func `a gibibyte without a newline is one unreadable line in little memory`() throws {
    let log = try Log()
    log.write(3)
    #expect(truncate(log.path, 1 << 30) == 0)
    log.raw("\n")
    log.write(4)
    let before = memory()
    var tally = LogTally(pools: ["green"])
    let follower = LogFollower(path: log.path, parser: Self.parser, from: .beginning)
    for _ in 0..<3 { try follower.poll(into: &tally) }
    #expect(count(tally) == 7 && tally.unreadable == 1)
    #expect(memory() - before < 64 << 20)
  }

  @Test func `bytes that are no text are counted and passed over`() throws {
    let log = try Log()
    log.write(2)
    _ = try Spawn.run(
      ["sh", "-c", "printf '\\377\\376\\000x\\n\\t\\t\\n' >> \(log.path)"], limit: .seconds(10))
    log.write(2)
    var tally = LogTally(pools: ["green"])
    try LogFollower(path: log.path, parser: Self.parser, from: .beginning).poll(into: &tally)
    #expect(count(tally) == 4 && tally.unreadable == 2)
  }

  private func memory() -> Int {
    let text = (try? Files.read("/proc/self/status")) ?? nil
    let line = text?.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0)
      << 10
  }
}
