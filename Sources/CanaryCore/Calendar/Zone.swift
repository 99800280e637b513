/// A time zone: its offsets from UTC over time, from a file of the tz database (RFC 9636).
package struct Zone: Hashable, Sendable {
  struct Transition: Hashable, Sendable {
    /// The first second, since 1970, at which the offset applies.
    var second: Int64
    /// Seconds to add to UTC.
    var offset: Int
  }

  package let name: String
  /// The offset before the first transition.
  private let first: Int
  private let transitions: [Transition]
  /// The rule after the last transition; nil: the last offset stays.
  private let rule: ZoneRule?

  package static let utc = Zone(name: "UTC", first: 0, transitions: [], rule: nil)

  private init(name: String, first: Int, transitions: [Transition], rule: ZoneRule?) {
    self.name = name
    self.first = first
    self.transitions = transitions
    self.rule = rule
  }

  /// Reads a TZif file of version 2 or later; nil for anything else.
  package init?(name: String, file: [UInt8]) {
    var reader = ZoneFileReader(file)
    guard let old = reader.header(), old.version >= 2, reader.skip(old.size(ofTime: 4)),
      let header = reader.header(), let body = reader.body(header)
    else { return nil }
    self.init(name: name, first: body.first, transitions: body.transitions, rule: body.rule)
  }

  /// The seconds to add to UTC, at a second since 1970.
  package func offset(at second: Int64) -> Int {
    guard let last = transitions.last else { return rule?.offset(at: second) ?? first }
    if second >= last.second { return rule?.offset(at: second) ?? last.offset }
    // Binary search for the first transition after `second`.
    var low = 0
    var high = transitions.count
    while low < high {
      let middle = (low + high) / 2
      if transitions[middle].second <= second { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? first : transitions[low - 1].offset
  }

  /// Local time, as seconds since 1970-01-01 00:00 of local time.
  package func wall(_ instant: Instant) -> Int64 {
    instant.second + Int64(offset(at: instant.second))
  }

  /// All moments at which local time is `wall`, in order.
  ///
  /// None in the hour that the clock skips in spring, two in the hour that comes twice in autumn.
  package func instants(wall: Int64) -> [Instant] {
    // No zone is further than 26 hours from UTC (RFC 9636), and two changes within two days occur
    // only in history.
    let offsets = Set(
      stride(from: -26, through: 26, by: 13).map { offset(at: wall + Int64($0 * 3600)) })
    return offsets.map { wall - Int64($0) }.filter { $0 + Int64(offset(at: $0)) == wall }.sorted()
      .map { Instant(milliseconds: $0 * 1000) }
  }

  /// The seconds in a range at which the offset changes.
  func changes(in range: Range<Int64>) -> [Int64] {
    let known = transitions.lazy.map(\.second).filter(range.contains)
    guard let rule, range.upperBound > transitions.last?.second ?? .min else { return Array(known) }
    return Array(known) + rule.changes(in: range)
  }

  /// Reads a rule as `TZ` may have it, such as `CET-1CEST,M3.5.0,M10.5.0/3`; nil for anything else.
  package init?(posix text: String) {
    guard let rule = ZoneRule(text) else { return nil }
    let quoted = text.hasPrefix("<") ? text.dropFirst().prefix { $0 != ">" } : nil
    self.init(
      name: String(quoted ?? text.prefix { $0.isLetter }), first: rule.offset(at: 0),
      transitions: [], rule: rule)
  }

  /// The same zone under another name.
  package func named(_ name: String) -> Zone {
    Zone(name: name, first: first, transitions: transitions, rule: rule)
  }

  /// The time of day, `16:48:18`, for a line whose neighbours say the zone.
  package func clock(_ instant: Instant) -> String { Instant.clock(wall(instant)) }

  /// `18:58 Asia/Shanghai` on the day of `now`, and with its date on any other.
  package func text(_ instant: Instant, near now: Instant) -> String {
    guard CivilDay.number(of: wall(instant)) == CivilDay.number(of: wall(now)) else {
      return text(instant)
    }
    return "\(clock(instant).prefix(5)) \(name)"
  }

  /// `Tue 2026-11-24 01:00 Asia/Shanghai`.
  package func text(_ instant: Instant) -> String {
    let wall = wall(instant)
    let day = CivilDay.number(of: wall)
    return
      "\(Weekdays.names[CivilDay.weekday(day)].capitalizedFirst) \(CivilDay(number: day).text) \(Instant.clock(wall).prefix(5)) \(name)"
  }
}

extension String {
  fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}

/// Reads the parts of a TZif file (RFC 9636) in their order.
private struct ZoneFileReader {
  struct Header {
    var version: Int
    /// In the order of the file: isut, isstd, leap seconds, transitions, types, characters.
    var counts: [Int]
    func size(ofTime bytes: Int) -> Int {
      counts[0] + counts[1] + counts[2] * (bytes + 4) + counts[3] * (bytes + 1) + counts[4] * 6
        + counts[5]
    }
  }

  private let bytes: [UInt8]
  private var at = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func skip(_ count: Int) -> Bool {
    guard count >= 0, count <= bytes.count - at else { return false }
    at += count
    return true
  }

  /// The signed big-endian number in `count` bytes at `start`.
  private func number(_ start: Int, _ count: Int) -> Int64 {
    var value: UInt64 = bytes[start] >= 128 ? .max : 0
    for index in 0..<count { value = value << 8 | UInt64(bytes[start + index]) }
    return Int64(bitPattern: value)
  }

  mutating func header() -> Header? {
    let start = at
    guard skip(44), bytes[start..<start + 4].elementsEqual("TZif".utf8) else { return nil }
    let version = bytes[start + 4] == 0 ? 1 : Int(bytes[start + 4]) - 48
    let counts = (0..<6).map { Int(number(start + 20 + $0 * 4, 4)) }
    guard counts.allSatisfy({ (0...100_000).contains($0) }), counts[4] > 0 else { return nil }
    return Header(version: version, counts: counts)
  }

  mutating func body(
    _ header: Header
  ) -> (first: Int, transitions: [Zone.Transition], rule: ZoneRule?)? {
    let start = at
    guard skip(header.size(ofTime: 8)) else { return nil }
    let (times, types) = (header.counts[3], header.counts[4])
    let offsets = (0..<types).map { Int(number(start + times * 9 + $0 * 6, 4)) }
    var transitions: [Zone.Transition] = []
    for index in 0..<times {
      let type = Int(bytes[start + times * 8 + index])
      guard type < types else { return nil }
      transitions.append(
        Zone.Transition(second: number(start + index * 8, 8), offset: offsets[type]))
    }
    let footer = String(decoding: bytes[at...].dropFirst().prefix { $0 != 10 }, as: UTF8.self)
    // After an empty footer, the offset of the last transition stays.
    if footer.isEmpty { return (offsets[0], transitions, nil) }
    guard let rule = ZoneRule(footer) else { return nil }
    return (offsets[0], transitions, rule)
  }
}
