import CanaryAdapters
import CanaryCore
import FoundationEssentials
import TestSupport
import Testing

/// Numbers that somebody else chose, as large and as odd as they come: every reader of one takes them all.
@Suite(.busy) struct ExtremeTests {
  static let whole: [Int64] = [
    0, 1, -1, .max, .min, .max - 1, .min + 1, 1 << 53, 253_402_300_799_999, 9_000_000_000_000_001,
  ]
  static let real: [Double] = [
    0, -0.0, 1, -1, 1e308, -1e308, .nan, .infinity, -.infinity, 9.3e18, -9.3e18,
    .leastNonzeroMagnitude,
  ]
  static let texts = [
    "0", "-1", "-0", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "99999999999999999999", "1e308", "1e999", "-1e999", "nan", "NaN", "inf", "+Inf", "Infinity",
    "0x7fffffffffffffff",
    "9999-12-31T23:59:59Z", "253402300799", "253402300799.999", "1.7976931348623157e308", "", "-",
    ".", "1e",
  ]

  @Test func `times and spans end at a bound`() throws {
    for one in Self.whole {
      let (time, span) = (Instant(milliseconds: one), Span(milliseconds: one))
      for other in Self.whole {
        let (then, rest) = (Instant(milliseconds: other), Span(milliseconds: other))
        for found in [time + rest, time - rest] {
          #expect(abs(found.milliseconds) <= 9_000_000_000_000_000)
          #expect(!found.iso8601.isEmpty && !found.clockTime.isEmpty)
        }
        for found in [span + rest, span - rest, span * other, span / other, time - then] {
          #expect(!found.description.isEmpty && !found.seconds.isNaN)
        }
        #expect((time < then) == (time.milliseconds < then.milliseconds))
        _ = Instant.isPast(rest, since: time, at: then)
      }
      #expect(Span.hours(one) >= Span.minutes(one) || one < 0)
      _ = (time.second, time.wholeSecond, CivilDay(of: time.second).text)
      // What is stored as a number is no larger than any other.
      let stored = Data("[\(one)]".utf8)
      #expect(try JSONDecoder().decode([Instant].self, from: stored) == [time])
      #expect(try JSONDecoder().decode([Span].self, from: stored) == [span])
    }
    for one in Self.real {
      _ = (Instant(seconds: one).iso8601, Span.seconds(one).description)
      _ = (ValueFormat.decimal(one, places: 3), Node.number(one).shown, JSON.number(one).line)
      _ = Weight(percent: one)
    }
    #expect(Span(.seconds(Int64.max)) > .hours(1) && Span(.seconds(Int64.min)) < .zero)
    for text in Self.texts + [
      "999999999999999999999h", "1e18h", "9999999999999999d", "-1s", "1e308s",
    ] {
      _ = Span(parsing: text)
      _ = Span(parsing: text + "h")
    }
  }

  @Test func `no field of a log line is too large for its readers`() {
    let table = PoolTable([("127.0.0.1:1", "blue")])
    for version in ["canary1", "canary2", "canary3"] {
      let good =
        [
          version, "1700000000.123", "7", "200", "0.010", "127.0.0.1:1", "200", "0.010", "0.010",
        ] + (version == "canary2" ? ["d", "0"] : [])
      for index in good.indices.dropFirst() {
        for text in Self.texts + ["99999999999.999", "100000000000.000", "999"] {
          var fields = good
          fields[index] = text
          let line = Array(fields.joined(separator: "\t").utf8)
          for latency in [LatencyKind.firstByte, .response] {
            for switches in [
              nil, SwitchTimes([StageSwitch(asked: .max, seen: .min, generation: .max)]),
            ] {
              var tally = LogTally(pools: table.pools)
              line.withUnsafeBufferPointer {
                LogParser(table, latency, switches).parse($0[...], into: &tally)
              }
              #expect(tally.lines == 1)
              _ = tally.total(pool: "blue", from: 0, through: .max)
            }
          }
          var parser = TrafficParser(now: Instant(seconds: 1_700_000_000))
          line.withUnsafeBytes { bytes in
            if let found = parser.parse(bytes) {
              var traffic = Traffic()
              traffic.add(found)
              traffic.close()
              _ = TrafficWeek(traffic, zone: .utc)
            }
          }
        }
      }
    }
    // The years that a combined line can tell.
    for year in ["0000", "1969", "1970", "2023", "9999"] {
      var parser = TrafficParser(now: Instant(seconds: 1_700_000_000))
      let line = Array("h - - [31/Dec/\(year):23:59:59 +9999] \"GET / HTTP/1.1\" 999 1".utf8)
      line.withUnsafeBytes { bytes in #expect((parser.parse(bytes) != nil) == (year == "1970")) }
    }
  }

  @Test func `no number of a config is too large for its readers`() throws {
    let path = "\(Self.root)/Tests/Fuzz/corpus/config/every-key.json5"
    let text = try #require(try Files.read(path))
    let good = try JSONReader.read(text, .json5).node
    var count = 0
    for number in Self.real {
      try Self.replaceEach(good, .number(number)) { changed in
        count += 1
        _ = try? ConfigReader(file: "/c.json5").read(changed)
      }
    }
    for text in [
      "99999999999h", "1e18h", "9223372036854775807", "1e308%", "-1%", "nan%", "9999-12-31",
    ] {
      try Self.replaceEach(good, .text(text)) { changed in
        _ = try? ConfigReader(file: "/c.json5").read(changed)
      }
    }
    #expect(count > 100)
  }

  @Test func `no number of a generated first line is too large`() {
    let good =
      "# canary service=chat generation=7 stable=blue canary=green weight=5 brake=blue until=1700000000000 audience=-"
    for text in Self.texts {
      for part in ["generation=7", "weight=5", "until=1700000000000"] {
        let name = part.prefix { $0 != "=" }
        let line = good.replacing(part, with: "\(name)=\(text)")
        if let header = GeneratedHeader(line + "\n") {
          _ = (header.routing, header.generation.next)
        }
      }
    }
  }

  private static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }

  /// Calls `take` with the tree once for each of its leaves, which is replaced.
  private static func replaceEach(_ node: Node, _ new: Node, _ take: (Node) throws -> Void) throws {
    switch node {
    case .table(let table):
      for (key, inner) in table {
        try replaceEach(inner, new) { changed in
          var table = table
          table[key] = changed
          try take(.table(table))
        }
      }
    case .list(let items):
      for index in items.indices {
        try replaceEach(items[index], new) { changed in
          var items = items
          items[index] = changed
          try take(.list(items))
        }
      }
    case .null, .bool, .number, .text: try take(new)
    }
  }
}
