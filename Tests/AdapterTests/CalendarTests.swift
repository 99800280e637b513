import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// Windows and zones against the same tz database read by somebody else: Python's `zoneinfo`.
@Suite(.busy) struct CalendarTests {
  /// The days of 2024 to 2030, counted from 1970-01-01.
  private static let years = 19_723..<22_280

  /// Offsets in seconds as Python says, for lines of `zone second`.
  private func oracle(_ questions: [(zone: String, second: Int64)]) throws -> [Int] {
    let folder = try Folder()
    let program = """
      import sys, zoneinfo, datetime
      zones = {}
      for line in open(sys.argv[1]):
          name, second = line.split()
          zone = zones.setdefault(name, None) or zones.update({name: zoneinfo.ZoneInfo(name)}) or zones[name]
          at = datetime.datetime.fromtimestamp(int(second), zone)
          print(int(at.utcoffset().total_seconds()))
      """
    try Files.replace("\(folder.path)/oracle.py", with: program)
    try Files.replace(
      "\(folder.path)/questions",
      with: questions.map { "\($0.zone) \($0.second)\n" }.joined())
    let ran = try Spawn.run(
      [
        "sh", "-c",
        "PYTHONTZPATH=\(ZoneFiles.folder) python3 \(folder.path)/oracle.py \(folder.path)/questions > \(folder.path)/answers",
      ], limit: .minutes(5))
    #expect(ran.succeeded, "\(ran.output)")
    return try #require(try Files.read("\(folder.path)/answers", limit: 64 << 20))
      .split(separator: "\n").compactMap { Int($0) }
  }

  /// The moments between 2024 and 2030 at which a zone's offset changes, found by halving.
  private func changes(_ zone: Zone) -> [Int64] {
    var found: [Int64] = []
    var second = Int64(Self.years.lowerBound) * 86_400
    while second < Int64(Self.years.upperBound) * 86_400 {
      let next = second + 6 * 3600
      if zone.offset(at: second) != zone.offset(at: next) {
        var (low, high) = (second, next)
        while high - low > 1 {
          let middle = (low + high) / 2
          if zone.offset(at: middle) == zone.offset(at: second) {
            low = middle
          } else {
            high = middle
          }
        }
        found.append(high)
      }
      second = next
    }
    return found
  }

  @Test func `every zone has the offsets that somebody else reads`() throws {
    var questions: [(zone: String, second: Int64)] = []
    var dice = Dice(seed: 5)
    let names = ZoneFiles.names
    #expect(names.count > 400)
    for name in names {
      let zone = try #require(ZoneFiles.zone(name))
      for change in changes(zone) {
        questions += [-3600, -1, 0, 1, 3600].map { (name, change + $0) }
      }
      for _ in 0..<60 {
        let day = Self.years.lowerBound + dice.below(Self.years.count)
        questions.append((name, Int64(day) * 86_400 + Int64(dice.below(86_400))))
      }
      // Long ago and far ahead, where tables end and rules begin.
      questions += [-2_000_000_000, -100, 0, 1_000_000_000, 2_200_000_000, 4_000_000_000].map {
        (name, $0)
      }
    }
    let answers = try oracle(questions)
    #expect(answers.count == questions.count)
    var zones: [String: Zone] = [:]
    var wrong: [String] = []
    for ((name, second), offset) in zip(questions, answers) {
      if zones[name] == nil { zones[name] = ZoneFiles.zone(name) }
      let found = zones[name]?.offset(at: second)
      if found != offset { wrong.append("\(name) \(second): \(found ?? -1), not \(offset)") }
    }
    let text = "\(wrong.count) of \(questions.count): \(wrong.prefix(10))"
    #expect(wrong.isEmpty, "\(text)")
  }

  private static let windows: [(days: String?, dates: String?, from: String, to: String)] = [
    ("tue,thu", nil, "01:00", "01:30"), ("sun", nil, "02:30", "03:15"),
    ("fri-mon", nil, "23:30", "02:30"),
    (nil, nil, "00:00", "24:00"), (nil, "last", "22:00", "24:00"),
    (nil, "28..last,1", "00:00", "00:01"),
    ("wed", nil, "20:00", "19:59"), (nil, "12-24..01-02", "12:00", "13:00"),
    ("sun", "25..31", "00:30", "03:30"),
  ]

  private func window(_ index: Int, _ zone: Zone) throws -> Window {
    let (days, dates, from, to) = Self.windows[index]
    return Window(
      days: days.flatMap(Weekdays.init(parsing:)), dates: dates.flatMap(Dates.init(parsing:)),
      from: try #require(Window.minutes(parsing: from)),
      to: try #require(Window.minutes(parsing: to)),
      zone: zone, text: "")
  }

  /// What the wall says, written another way: minute by minute, from the wall's own day and time.
  private func isIn(_ index: Int, wall: Int64) -> Bool {
    let (day, minute) = (Int(wall / 86_400), Int(wall % 86_400 / 60))
    let begins = { (day: Int) -> Bool in
      let weekday = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"][day % 7]
      let civil = CivilDay(number: day)
      let isLast = civil.day == civil.lengthOfMonth
      return switch index {
      case 0: ["tue", "thu"].contains(weekday)
      case 1: weekday == "sun"
      case 2: ["fri", "sat", "sun", "mon"].contains(weekday)
      case 4: isLast
      case 5: civil.day >= 28 || civil.day == 1
      case 6: weekday == "wed"
      case 7: (civil.month == 12 && civil.day >= 24) || (civil.month == 1 && civil.day <= 2)
      case 8: weekday == "sun" && civil.day >= 25
      default: true
      }
    }
    return switch index {
    case 0: begins(day) && minute >= 60 && minute < 90
    case 1: begins(day) && minute >= 150 && minute < 195
    case 2: (begins(day) && minute >= 1410) || (begins(day - 1) && minute < 150)
    case 4: begins(day) && minute >= 1320
    case 5: begins(day) && minute == 0
    case 6: (begins(day) && minute >= 1200) || (begins(day - 1) && minute < 1199)
    case 7: begins(day) && minute >= 720 && minute < 780
    case 8: begins(day) && minute >= 30 && minute < 210
    default: true
    }
  }

  @Test func `windows hold over both changes of the clock in every zone`() throws {
    var checked = 0
    for (number, name) in ZoneFiles.names.enumerated() {
      let zone = try #require(ZoneFiles.zone(name))
      let windows = try Self.windows.indices.map { try window($0, zone) }
      for change in changes(zone).prefix(4) {
        for second in stride(from: change - 7 * 3600, to: change + 7 * 3600, by: 60) {
          let instant = Instant(milliseconds: second * 1000)
          let wall = zone.wall(instant)
          // Two windows a zone, in turn: every pair of kind and change is met often.
          for index in [number % windows.count, 1] {
            checked += 1
            guard windows[index].contains(instant) != isIn(index, wall: wall) else { continue }
            Issue.record("\(name) window \(index) at \(zone.text(instant))")
            return
          }
        }
      }
    }
    #expect(checked > 500_000)
  }

  @Test(arguments: windows.indices)
  func `openings and closings are where the minutes say`(index: Int) throws {
    var dice = Dice(seed: UInt64(index + 1))
    let names = ZoneFiles.names
    for _ in 0..<40 {
      let zone = try #require(ZoneFiles.zone(names[dice.below(names.count)]))
      let other = dice.below(Self.windows.count)
      let blackout = dice.below(Self.windows.count)
      var calendar = Calendar(windows: [try window(index, zone), try window(other, zone)])
      if dice.chance(60), Self.windows[blackout].to != "24:00" {
        calendar.blackouts = [try window(blackout, zone)]
      }
      let near = changes(zone).randomElement() ?? Int64(Self.years.lowerBound) * 86_400
      let start = Instant(milliseconds: (near / 60 - Int64(dice.below(4000))) * 60_000)
      let inside = { (instant: Instant) in
        let wall = zone.wall(instant)
        let isOpen = self.isIn(index, wall: wall) || self.isIn(other, wall: wall)
        return isOpen && (calendar.blackouts.isEmpty || !self.isIn(blackout, wall: wall))
      }
      var minute = start
      // Every change of the next three days, or the first one after them.
      for _ in 0..<3 * 1440 {
        let next = minute + .minutes(1)
        let (was, now) = (inside(minute), inside(next))
        #expect(calendar.isOpen(at: minute) == was, "\(zone.text(minute))")
        if was != now {
          let found = now ? calendar.opening(from: minute) : calendar.closing(after: minute)
          #expect(found == next, "\(zone.text(minute)) → \(found.map(zone.text) ?? "never")")
        }
        minute = next
      }
    }
  }

  @Test func `a window at the start of daylight saving is left out, at its end it comes twice`()
    throws
  {
    let zone = try #require(ZoneFiles.zone("Europe/Berlin"))
    let text = { (text: String) throws -> Instant in
      try TimeText.parse(text, zone: zone, now: Instant(milliseconds: 0))
    }
    let night = Calendar(windows: [
      Window(days: nil, dates: nil, from: 150, to: 165, zone: zone, text: "")
    ])
    // 2026-03-29 02:00 → 03:00: half past two is left out.
    #expect(try night.opening(from: text("2026-03-28 12:00")) == text("2026-03-30 02:30"))
    // 2026-10-25 03:00 → 02:00: it comes twice.
    let first = try #require(try night.opening(from: text("2026-10-25 00:00")))
    #expect(first == (try text("2026-10-25T02:30:00+02:00")))
    let closed = try #require(night.closing(after: first))
    #expect(closed == first + .minutes(15))
    #expect(night.opening(from: closed) == first + .hours(1))
  }

  @Test func `a time is read as a person means it`() throws {
    let zone = try #require(ZoneFiles.zone("Asia/Shanghai"))
    let now = try TimeText.parse("2026-11-21 12:00", zone: zone, now: Instant(milliseconds: 0))
    let read = { (text: String) throws -> String in
      try TimeText.parse(text, zone: zone, now: now).iso8601
    }
    #expect(try read("2026-11-24T01:00:00+08:00") == "2026-11-23T17:00:00.000Z")
    #expect(try read("2026-11-24T01:00:00.25Z") == "2026-11-24T01:00:00.250Z")
    #expect(try read("2026-11-24 01:00") == "2026-11-23T17:00:00.000Z")
    #expect(try read("tue 01:00") == "2026-11-23T17:00:00.000Z")
    #expect(try read("TUE 01:00") == "2026-11-23T17:00:00.000Z")
    // Saturday noon: the same minute is a week away, the next one is today.
    #expect(try read("sat 12:00") == "2026-11-28T04:00:00.000Z")
    #expect(try read("12:01") == "2026-11-21T04:01:00.000Z")
    #expect(try read("11:59") == "2026-11-22T03:59:00.000Z")
    for wrong in [
      "", "soon", "tue", "25:00", "tue 1:00", "2026-02-30 01:00", "2026-11-24",
      "2026-11-24T01:00:61",
      "2026-11-24T01:00+8", "2026-11-24T01:00:00+25:00", "tue 01:00 now", "２026-11-24 01:00",
    ] {
      #expect(throws: Violation.self, "\(wrong)") {
        try TimeText.parse(wrong, zone: zone, now: now)
      }
    }
  }

  @Test func `a file that is none is no zone`() {
    let bytes = Array("TZif2".utf8) + [UInt8](repeating: 0, count: 60)
    #expect(Zone(name: "x", file: bytes) == nil && Zone(name: "x", file: []) == nil)
    var dice = Dice(seed: 9)
    let real = Array("TZif2".utf8) + (0..<400).map { _ in UInt8(dice.below(256)) }
    for length in 0..<real.count {
      #expect(Zone(name: "x", file: Array(real.prefix(length))) == nil)
    }
    #expect(ZoneFiles.zone("../passwd") == nil && ZoneFiles.zone("/etc/passwd") == nil)
  }
}
