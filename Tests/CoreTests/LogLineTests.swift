import CanaryCore
import TestSupport
import Testing

@Suite(.busy) struct LogLineTests {
  static let table = PoolTable([
    ("127.0.0.1:9001", "blue"), ("127.0.0.1:9003", "blue"), ("127.0.0.1:9002", "green"),
    ("unix:/run/app.sock", "green"), ("[2001:db8::1]:80", "green"),
  ])

  func tally(_ lines: [String], _ latency: LatencyKind = .response) -> LogTally {
    tally(bytes: Array(lines.joined(separator: "\n").utf8), latency)
  }

  private func tally(bytes: [UInt8], _ latency: LatencyKind = .response) -> LogTally {
    var tally = LogTally(pools: Self.table.pools)
    let parser = LogParser(Self.table, latency)
    bytes.withUnsafeBufferPointer { buffer in
      for line in buffer.split(separator: 10, omittingEmptySubsequences: true) {
        parser.parse(line, into: &tally)
      }
    }
    tally.close()
    return tally
  }

  func line(
    _ status: Int, _ address: String, _ tried: String, _ header: String, _ response: String
  ) -> String {
    "canary1\t1795000000.123\t42\t\(status)\t0.010\t\(address)\t\(tried)\t\(header)\t\(response)"
  }

  private func counts(_ tally: LogTally, _ pool: PoolName) -> [Int] {
    var tally = tally
    let sum = tally.total(pool: pool, from: 0, through: 1 << 40)
    return [sum.requests, sum.failures, sum.aborted, sum.latency.count]
  }

  @Test func `whom a failure reached counts for the pool that was tried first`() {
    let tally = tally([
      line(502, "127.0.0.1:9002, 127.0.0.1:9001", "502, 502", "-, -", "0.001, 0.001"),
      line(200, "127.0.0.1:9002, 127.0.0.1:9003", "502, 200", "-, 0.004", "0.001, 0.004"),
      line(500, "127.0.0.1:9002", "500", "0.001", "0.001"),
      line(499, "127.0.0.1:9002", "-", "-", "0.100"),
      line(404, "127.0.0.1:9002", "404", "0.1", "0.1"),
      // gRPC fails with a status of its own.
      "canary2\t1795000000.123\t42\t200\t0.010\t127.0.0.1:9001\t200\t0.001\t0.001\td\t14",
    ])
    var copy = tally
    #expect(copy.total(pool: "green", from: 0, through: 1 << 40).hurt == 2)
    #expect(copy.total(pool: "blue", from: 0, through: 1 << 40).hurt == 1)
    var unknown = PoolCounts()
    unknown.hurt = nil
    unknown.merge(copy.total(pool: "green", from: 0, through: 1 << 40))
    #expect(unknown.hurt == nil && unknown.requests == 4)
  }

  @Test func `times of heads that nobody reads are not there`() {
    let tally = tally([
      line(200, "127.0.0.1:9002, 127.0.0.1:9003", "502, 200", "-", "0.001, 0.004"),
      line(200, "127.0.0.1:9001", "200", "-", "0.005"),
    ])
    #expect(tally.unreadable == 0 && tally.unattributed == 0)
    #expect(counts(tally, "blue") == [2, 0, 0, 2] && counts(tally, "green") == [1, 1, 0, 1])
  }

  @Test func `what a client stretched is counted, but is no latency`() {
    let line = { (rest: String, header: String) in
      "canary4\t1795000000.123\t42\t200\t0.010\t127.0.0.1:9001\t200\t\(header)\t2.000\td\t-\t\(rest)"
    }
    let tallies = [LatencyKind.response, .firstByte].map { kind in
      tally(
        [
          line("52\t52\t100", "0.010"), line("47\t52\t100", "1.900"),
          line("52\t52\t20000", "0.010"),
        ], kind)
    }
    for tally in tallies { #expect(counts(tally, "blue") == [3, 0, 0, 2]) }
    // An answer too long for the system's buffers waits for its reader: its first byte counts.
    var (whole, first) = (tallies[0], tallies[1])
    #expect(
      whole.total(pool: "blue", from: 0, through: 1 << 40).latency.values.map(\.count) == [1, 1])
    #expect(first.total(pool: "blue", from: 0, through: 1 << 40).latency.values.map(\.count) == [2])
    for rest in ["52\t52", "52\t\t1", "x\t52\t1", "52\t52\t1\t1", "52\t52\t", "52\t52\t-1"] {
      #expect(tally([line(rest, "0.010")]).unreadable == 1, "\(rest)")
    }
    #expect(
      tally(["canary2\t1795000000.123\t42\t200\t0.010\t127.0.0.1:9001\t200\t0.010\t0.010\td\t-"])
        .unreadable == 0)
  }

  @Test func `every try counts for its own pool`() {
    let cases: [(line: String, blue: [Int], green: [Int])] = [
      (line(200, "127.0.0.1:9001", "200", "0.004", "0.005"), [1, 0, 0, 1], [0, 0, 0, 0]),
      (
        line(200, "127.0.0.1:9002, 127.0.0.1:9003", "502, 200", "-, 0.004", "0.001, 0.004"),
        [1, 0, 0, 1], [1, 1, 0, 1]
      ),
      (line(504, "127.0.0.1:9002", "504", "-", "5.000"), [0, 0, 0, 0], [1, 1, 0, 1]),
      (line(499, "127.0.0.1:9002", "-", "-", "0.100"), [0, 0, 0, 0], [0, 0, 1, 0]),
      (line(500, "127.0.0.1:9002", "-", "-", "0.100"), [0, 0, 0, 0], [1, 1, 0, 1]),
      (line(502, "127.0.0.1:9002", "-", "-", "0.100"), [0, 0, 0, 0], [1, 1, 0, 1]),
      (
        line(499, "127.0.0.1:9002, 127.0.0.1:9001", "502, -", "-, -", "0.001, 0.300"),
        [0, 0, 1, 0], [1, 1, 0, 1]
      ),
      (
        line(200, "127.0.0.1:9002 : 127.0.0.1:9001", "503 : 200", "0.001 : 0.001", "0.001 : 0.002"),
        [1, 0, 0, 1], [1, 1, 0, 1]
      ),
      (line(404, "unix:/run/app.sock", "404", "0.001", "0.001"), [0, 0, 0, 0], [1, 0, 0, 1]),
      (line(200, "[2001:db8::1]:80", "200", "0.001", "0.001"), [0, 0, 0, 0], [1, 0, 0, 1]),
      (line(101, "127.0.0.1:9001", "101", "0.001", "3600.5"), [1, 0, 0, 1], [0, 0, 0, 0]),
      (line(400, "-", "-", "-", "-"), [0, 0, 0, 0], [0, 0, 0, 0]),
    ]
    for (line, blue, green) in cases {
      let tally = tally([line])
      #expect(counts(tally, "blue") == blue, "\(line)")
      #expect(counts(tally, "green") == green, "\(line)")
      #expect(tally.unreadable == 0 && tally.unattributed == 0, "\(line)")
    }
  }

  @Test func `the time to the first byte is what streams are judged by`() {
    let text = line(200, "127.0.0.1:9002", "200", "0.040", "90.000")
    var stream = tally([text], .firstByte)
    #expect(stream.total(pool: "green", from: 0, through: 1 << 40).latency.quantile(0.99) == 0.04)
    var whole = tally([text], .response)
    let seconds = whole.total(pool: "green", from: 0, through: 1 << 40).latency.quantile(0.99) ?? 0
    #expect(abs(seconds - 90) < 0.9)
  }

  @Test func `what belongs to no pool and what is no line are counted apart`() {
    let good = line(200, "127.0.0.1:9001", "200", "0.004", "0.005")
    let bad = [
      "", "canary1", "canary2" + good.dropFirst(7), good.replacing("\t", with: " "),
      String(good.dropLast(6)) + "\t-\t-",
      good.replacing("1795000000.123", with: "17950x0000.123"),
      good.replacing("1795000000.123", with: "-1.000"),
      good.replacing("\t200\t0.010", with: "\t20\t0.010"),
      good.replacing("127.0.0.1:9001", with: "127.0.0.1:9001, 127.0.0.1:9002"),
      "127.0.0.1 - - [21/Nov/2026:02:56:07 +0000] \"GET / HTTP/1.1\" 200 3",
      String(repeating: "x", count: 40_000),
    ].filter { !$0.isEmpty }
    let tally = tally(bad + [good, line(502, "canary.chat.split", "502", "-", "0.000")])
    #expect(tally.unreadable == bad.count)
    #expect(tally.unattributed == 1)
    #expect(counts(tally, "blue") == [1, 0, 0, 1])
  }

  @Test func `only those whom chance put where they are can be compared`() throws {
    let table = PoolTable(
      [("127.0.0.1:9001", "blue"), ("127.0.0.1:9002", "green")], copies: true)
    let parser = LogParser(table, .response)
    func tally(_ way: String, _ grpc: String = "-", _ address: String = "127.0.0.1:9002")
      -> LogTally
    {
      var tally = LogTally(pools: table.pools)
      tally.census = [:]
      let check = ComparisonSpec(
        name: "e", compare: .failures, advisory: false)
      let judge = ComparisonJudge(
        rollout: 1, checks: [check], stages: 1, alpha: 0.01, baseline: PoolCounts(), most: 0.05)
      tally.comparison = TallyComparison(judge, pools: table.pools, canary: "green", stable: "blue")
      tally.comparison?.judge.begin(
        stage: 0, generation: 42, weight: 0.5, trusted: Instant(milliseconds: 0),
        at: Instant(milliseconds: 0))
      let text =
        line(200, address, "200", "0.001", "0.002").replacing("canary1", with: "canary2")
        + "\t\(way)\t\(grpc)"
      Array(text.utf8).withUnsafeBufferPointer { parser.parse($0[...], into: &tally) }
      tally.close()
      return tally
    }
    func compared(_ tally: LogTally) -> Int {
      tally.comparison?.judge.report("e", margin: nil, at: Instant(milliseconds: 1))?.canary
        .requests
        ?? 0
    }
    for (way, isCompared) in [
      ("d", true), ("p", false), ("n", false), ("x", false),
      // Seats: a drawn number, also one drawn among `only`; who is not among them; testers.
      ("0", true), ("17", true), ("99", true), ("12.5", true), ("0.25", true), ("o17", true),
      ("o0.25", true), ("x17", false), ("x12.5", false), ("preview", false), ("never", false),
    ] {
      let one = tally(way)
      #expect(counts(one, "green") == [1, 0, 0, 1] && one.unreadable == 0, "\(way)")
      #expect(compared(one) == (isCompared ? 1 : 0), "\(way)")
      #expect((one.census?[42] != nil) == isCompared, "\(way)")
    }
    let copy = tally("s")
    #expect(counts(copy, "green") == [0, 0, 0, 0] && counts(copy, "shadow") == [1, 0, 0, 1])
    #expect(compared(copy) == 0)
    // The status of gRPC counts where HTTP says 200: what a gateway would answer with 5xx.
    for (status, failed) in [
      ("0", 0), ("1", 0), ("2", 1), ("4", 1), ("5", 0), ("8", 1), ("12", 1), ("13", 1), ("14", 1),
      ("15", 1), ("16", 0), ("115", 0), ("x", 0),
    ] {
      #expect(counts(tally("d", status), "green") == [1, failed, 0, 1], "\(status)")
    }
    for bad in [
      "", "dd", "q", "o", "17x", "o17x", "x-1", ".5", "-", "d17", "s17", "sx", "Preview", "p 1",
      "never,", "1e5", String(repeating: "1", count: 17),
    ] {
      #expect(tally(bad).unreadable == 1, "\(bad)")
    }
  }

  @Test func `a connection of a TCP service fails when it does not open`() {
    let table = PoolTable(
      [("127.0.0.1:9001", "blue"), ("127.0.0.1:9002", "green")],
      relays: ["unix:/run/chat.relay.sock"])
    let parser = LogParser(table, .response)
    let lines: [(String, [Int], [Int])] = [
      ("127.0.0.1:9001\t0.001\t0.002\t9.000", [1, 0, 0, 1], [0, 0, 0, 0]),
      (
        "127.0.0.1:9002, 127.0.0.1:9001\t-, 0.001\t-, 0.002\t0.000, 9.000", [1, 0, 0, 1],
        [1, 1, 0, 0]
      ),
      // What the relay passed on is in the relay's own line.
      ("unix:/run/chat.relay.sock\t0.000\t0.001\t1.000", [0, 0, 0, 0], [0, 0, 0, 0]),
      (
        "unix:/run/chat.relay.sock, 127.0.0.1:9001\t-, 0.000\t-, 0.001\t-, 1.000", [1, 0, 0, 1],
        [0, 0, 0, 0]
      ),
    ]
    for (rest, blue, green) in lines {
      var tally = LogTally(pools: table.pools)
      let text = "canary3\t1795000000.123\t42\t200\t9.000\t\(rest)"
      Array(text.utf8).withUnsafeBufferPointer { parser.parse($0[...], into: &tally) }
      tally.close()
      #expect(counts(tally, "blue") == blue && counts(tally, "green") == green, "\(rest)")
      #expect(tally.unreadable == 0 && tally.unattributed == 0, "\(rest)")
    }
  }

  @Test func `any window can be asked for`() {
    var tally = tally(
      (0..<60).map { second in
        line(200, "127.0.0.1:9002", second < 30 ? "200" : "500", "0.001", "0.001")
          .replacing("1795000000.123", with: "17950000\(second < 10 ? "0" : "")\(second).999")
      })
    #expect(tally.total(pool: "green", from: 1_795_000_010, through: 1_795_000_019).requests == 10)
    #expect(tally.total(pool: "green", from: 1_795_000_025, through: 1_795_000_034).failures == 5)
    #expect(tally.total(pool: "green", from: 0, through: .max - 1).requests == 60)
    tally.drop(before: 1_795_000_050)
    #expect(tally.total(pool: "green", from: 0, through: 1 << 40).requests == 10)
  }

  @Test func `five thousand mutations of good lines do no harm`() {
    let good = [
      line(200, "127.0.0.1:9001", "200", "0.004", "0.005"),
      line(200, "127.0.0.1:9002, 127.0.0.1:9003", "502, 200", "-, 0.004", "0.001, 0.004"),
      line(499, "127.0.0.1:9002 : 127.0.0.1:9001", "503 : -", "0.001 : -", "0.001 : 0.002"),
      line(200, "127.0.0.1:9002", "200", "0.004", "0.005").replacing("canary1", with: "canary2")
        + "\td\t14",
      line(200, "127.0.0.1:9001", "200", "0.004", "0.005").replacing("canary1", with: "canary2")
        + "\to12.5\t-",
      line(200, "127.0.0.1:9002", "0.001", "0.004", "0.005").replacing("canary1", with: "canary3"),
    ].map { Array($0.utf8) }
    var dice = Dice(seed: 2)
    for _ in 0..<5000 {
      var bytes = good[dice.below(good.count)]
      for _ in 0...dice.below(4) {
        let at = dice.below(bytes.count)
        switch dice.below(4) {
        case 0: bytes[at] = UInt8(truncatingIfNeeded: dice.next())
        case 1: bytes.remove(at: at)
        case 2: bytes.insert([9, 32, 44, 58, 45, 0, 255][dice.below(7)], at: at)
        default: bytes.insert(contentsOf: bytes[0...dice.below(bytes.count)], at: at)
        }
        if bytes.isEmpty { bytes = [10] }
      }
      let tally = tally(bytes: bytes)
      let sums = counts(tally, "blue") + counts(tally, "green")
      #expect(sums.allSatisfy { $0 >= 0 && $0 < 200 }, "\(bytes)")
      #expect(tally.unreadable <= tally.lines)
    }
  }
}
