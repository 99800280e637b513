/// The offsets that repeat every year: a TZ string of POSIX, with the range of hours that RFC 9636
/// allows.
struct ZoneRule: Hashable, Sendable {
  /// The moment in a year at which the clock changes.
  struct Change: Hashable, Sendable {
    enum Day: Hashable, Sendable {
      /// `Mm.w.d`: the wth weekday d (0 is Sunday) of month m; week 5 is the last.
      case weekday(month: Int, week: Int, day: Int)
      /// `Jn`: day 1 to 365, without February 29 in leap years.
      case julian(Int)
      /// `n`: day 0 to 365, with February 29.
      case ordinal(Int)
    }
    var day: Day
    /// Seconds after midnight, by the clock before the change; may be negative or beyond a day.
    var time: Int

    /// The change in a year, as seconds since 1970 by the clock before the change.
    func wall(year: Int) -> Int64 {
      let january = CivilDay(year: year, month: 1, day: 1)?.number ?? 0
      let number: Int
      switch day {
      case .ordinal(let count): number = january + count
      case .julian(let count):
        let leaps = CivilDay.length(year: year, month: 2) == 29 && count >= 60
        number = january + count - 1 + (leaps ? 1 : 0)
      case .weekday(let month, let week, let day):
        let first = CivilDay(year: year, month: month, day: 1)?.number ?? 0
        var found = first + (day - CivilDay.weekday(first) + 7) % 7 + (week - 1) * 7
        if found >= first + CivilDay.length(year: year, month: month) { found -= 7 }
        number = found
      }
      return Int64(number) * 86_400 + Int64(time)
    }
  }

  /// Seconds to add to UTC outside summer time.
  private let standard: Int
  private let summer: (offset: Int, begins: Change, ends: Change)?

  static func == (left: Self, right: Self) -> Bool {
    left.standard == right.standard && left.summer?.offset == right.summer?.offset
      && left.summer?.begins == right.summer?.begins && left.summer?.ends == right.summer?.ends
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(standard)
    hasher.combine(summer?.offset)
  }

  /// Reads a TZ string such as `CET-1CEST,M3.5.0,M10.5.0/3`; nil for anything else.
  init?(_ text: String) {
    var parser = ZoneRuleParser(text)
    guard parser.name(), let west = parser.time() else { return nil }
    standard = -west
    if parser.isAtEnd {
      summer = nil
      return
    }
    guard parser.name() else { return nil }
    var offset = standard + 3600
    if !parser.isAt(",") {
      guard let west = parser.time() else { return nil }
      offset = -west
    }
    guard let begins = parser.change(), let ends = parser.change(), parser.isAtEnd else {
      return nil
    }
    summer = (offset, begins, ends)
  }

  /// Both changes in each of the three years around a second since 1970, in order, each with the
  /// offset after it.
  private func changes(around second: Int64) -> [(second: Int64, offset: Int)] {
    guard let summer else { return [] }
    let year = CivilDay(of: second).year
    return (year - 1...year + 1).flatMap { year in
      [
        (summer.begins.wall(year: year) - Int64(standard), summer.offset),
        (summer.ends.wall(year: year) - Int64(summer.offset), standard),
      ]
    }.sorted { $0.0 < $1.0 }
  }

  func offset(at second: Int64) -> Int {
    changes(around: second).last { $0.second <= second }?.offset ?? standard
  }

  func changes(in range: Range<Int64>) -> [Int64] {
    var found: Set<Int64> = []
    var second = range.lowerBound
    while true {
      found.formUnion(changes(around: second).map(\.second).filter(range.contains))
      if second >= range.upperBound { return found.sorted() }
      second = min(range.upperBound, second + 365 * 86_400)
    }
  }
}

/// Reads the parts of a TZ string in their order.
private struct ZoneRuleParser {
  private var rest: Substring.UTF8View

  init(_ text: String) { rest = Substring(text).utf8 }

  var isAtEnd: Bool { rest.isEmpty }
  func isAt(_ character: Unicode.Scalar) -> Bool { rest.first.map(UInt32.init) == character.value }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard isAt(character) else { return false }
    rest.removeFirst()
    return true
  }

  /// Skips a name such as `CET` or `<+0330>`; false when there is none.
  mutating func name() -> Bool {
    if take("<") {
      while let byte = rest.popFirst() { if byte == 62 { return true } }
      return false
    }
    let letters = rest.prefix { (65...90).contains($0) || (97...122).contains($0) }
    rest.removeFirst(letters.count)
    return letters.count >= 3
  }

  private mutating func number() -> Int? {
    let digits = rest.prefix { (48...57).contains($0) }
    rest.removeFirst(digits.count)
    return (1...4).contains(digits.count) ? Int(String(Substring(digits))) : nil
  }

  /// Reads `[+-]hh[:mm[:ss]]`, with up to 167 hours, as seconds.
  mutating func time() -> Int? {
    let sign = take("-") ? -1 : 1
    if sign == 1 { _ = take("+") }
    guard let hours = number(), hours <= 167 else { return nil }
    var total = hours * 3600
    for unit in [60, 1] where take(":") {
      guard let part = number(), part < 60 else { return nil }
      total += part * unit
    }
    return sign * total
  }

  mutating func change() -> ZoneRule.Change? {
    guard take(",") else { return nil }
    let day: ZoneRule.Change.Day
    if take("M") {
      guard let month = number(), take("."), let week = number(), take("."), let weekday = number(),
        (1...12).contains(month), (1...5).contains(week), (0...6).contains(weekday)
      else { return nil }
      day = .weekday(month: month, week: week, day: weekday)
    } else if take("J") {
      guard let count = number(), (1...365).contains(count) else { return nil }
      day = .julian(count)
    } else {
      guard let count = number(), (0...365).contains(count) else { return nil }
      day = .ordinal(count)
    }
    guard take("/") else { return ZoneRule.Change(day: day, time: 7200) }
    return time().map { ZoneRule.Change(day: day, time: $0) }
  }
}
