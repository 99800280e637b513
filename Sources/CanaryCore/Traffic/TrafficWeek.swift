/// A typical week, computed from the days of a log: usual traffic by hour, quiet stretches and
/// recurring bursts.
package struct TrafficWeek: Sendable {
  package struct Hour: Hashable, Sendable {
    package var requestsPerMinute = 0.0
    package var errorRate: Double?
    /// The 95th percentile of durations, in seconds; nil: the log has none.
    package var p95: Double?
  }

  package struct Burst: Hashable, Sendable {
    /// Minutes after local midnight.
    package var from: Int
    /// Minutes after local midnight; the first minute after the burst.
    package var to: Int
    /// The days since 1970 on which the burst was seen.
    package var days: [Int]
    /// The most requests in one of its minutes.
    package var perMinute: Double
    /// The usual requests in a minute around it.
    package var usual: Double
    /// Whether it comes back: seen on two or more days that are at least half of all.
    ///
    /// Or seen on every day of its weekdays, if the log has each of these weekdays at least twice.
    package var recurs: Bool
  }

  package struct Stretch: Hashable, Sendable {
    /// Minutes after the start of Sunday, in local time.
    package var start: Int
    /// Minutes.
    package var length: Int
    /// How many days of its weekday the log has.
    package var days: Int
    /// The mean number of requests in the whole stretch.
    package var requests: Double

    /// 0 is Sunday.
    package var weekday: Int { start / 1440 }
    package var perMinute: Double { requests / Double(length) }
    /// The soak in which a canary with a weight of 5 % gets the 20 requests that a check needs;
    /// nil: no traffic.
    package var soak: Span? {
      perMinute > 0 ? Span.seconds((20 / (0.05 * perMinute) * 60).rounded(.up)) : nil
    }
  }

  /// By hour of the week, in local time; 0 begins on Sunday at 00:00.
  package private(set) var hours = [Hour](repeating: Hour(), count: 168)
  package private(set) var stretches: [Stretch] = []
  package private(set) var bursts: [Burst] = []
  /// The days that count, since 1970.
  package private(set) var days: [Int] = []
  /// The days of the log that do not count, since 1970, each with the reason.
  package private(set) var leftOut: [(day: Int, why: String)] = []
  private let zone: Zone
  /// Requests by local day and minute of it; NaN: the log or the clock lacks the minute.
  private var counts: [Int: [Double]] = [:]

  /// A minute is quiet when the mean of the five minutes around it is below this share of the day's
  /// mean.
  private static let quiet = 0.1
  /// The shortest stretch that is reported, in minutes.
  private static let shortest = 15
  /// How far a stretch keeps away from a burst, in minutes.
  private static let margin = 5

  package init(_ traffic: Traffic, zone: Zone) {
    self.zone = zone
    fold(traffic)
    chooseDays()
    findBursts()
    findStretches()
    foldHours(traffic)
  }

  /// Local minutes since 1970, for a minute of UTC.
  private func wall(_ minute: Int) -> Int {
    Int(zone.wall(Instant(milliseconds: Int64(minute) * 60_000)) / 60)
  }

  private mutating func fold(_ traffic: Traffic) {
    guard let first = traffic.minutes.keys.min(), let last = traffic.minutes.keys.max() else {
      return
    }
    // A clock that is put back shows some minutes twice; their mean counts.
    var seen: [Int: [Double]] = [:]
    for minute in first...last {
      let at = wall(minute)
      seen[at, default: []].append(traffic.minutes[minute]?.requests ?? 0)
    }
    for (at, values) in seen {
      let day = at / 1440
      counts[day, default: [Double](repeating: .nan, count: 1440)][at % 1440] =
        values.reduce(0, +) / Double(values.count)
    }
  }

  /// Keeps the days that show what is usual: complete, without holes, and about as busy as days of
  /// their weekday.
  private mutating func chooseDays() {
    var totals: [Int: Double] = [:]
    for (day, minutes) in counts.sorted(by: { $0.key < $1.key }) {
      let known = minutes.filter { !$0.isNaN }
      // 23 hours, because the day on which summer time begins lacks one.
      if known.count < 1380 {
        leftOut.append((day, "only \(known.count / 60) hours of it are in the log"))
        continue
      }
      if let hole = hole(day) {
        leftOut.append((day, hole))
        continue
      }
      totals[day] = known.reduce(0, +)
    }
    for (day, total) in totals.sorted(by: { $0.key < $1.key }) {
      let like = totals.filter {
        $0.key != day && CivilDay.weekday($0.key) == CivilDay.weekday(day)
      }
      let others = like.isEmpty ? totals.filter { $0.key != day } : like
      let usual = Self.median(Array(others.values))
      if let usual, total < usual * 0.35 {
        leftOut.append(
          (
            day,
            "it has \(Int((total / usual * 100).rounded()))% of the usual requests, as on a holiday"
          ))
      } else {
        days.append(day)
      }
    }
    leftOut.sort { $0.day < $1.day }
  }

  /// Describes a hole in a day's log; nil: it has none.
  ///
  /// A hole is half an hour without a request, in which other days usually have at least 30.
  private func hole(_ day: Int) -> String? {
    guard let minutes = counts[day] else { return nil }
    var run = 0
    for minute in 0..<1440 {
      run = minutes[minute] > 0 ? 0 : run + 1
      guard run >= 30 else { continue }
      let others = counts.filter { $0.key != day }.values.map { other in
        other[(minute - 29)...minute].filter { !$0.isNaN }.reduce(0, +)
      }
      if let usual = Self.median(others), usual >= 30 {
        return "nothing is logged around \(Self.clock(minute)), where other days have requests"
      }
    }
    return nil
  }

  /// The mean of the five minutes around a minute of the day.
  private func smooth(_ minutes: [Double], _ at: Int) -> Double {
    let near = minutes[max(0, at - 2)...min(1439, at + 2)].filter { !$0.isNaN }
    return near.isEmpty ? 0 : near.reduce(0, +) / Double(near.count)
  }

  /// Finds minutes with at least 20 requests and five times the median of the hour and a half
  /// around them.
  ///
  /// Bursts of different days are one burst if they begin within 3 minutes and end within 6 minutes
  /// of each other.
  private mutating func findBursts() {
    var found: [(day: Int, from: Int, to: Int, peak: Double, usual: Double)] = []
    for day in days {
      guard let minutes = counts[day] else { continue }
      var open: (from: Int, peak: Double, usual: Double)?
      for minute in 0...1440 {
        let value = minute < 1440 ? minutes[minute] : 0
        let around =
          minute < 1440
          ? Array(minutes[max(0, minute - 45)...min(1439, minute + 45)].filter { !$0.isNaN }) : []
        let usual = Self.median(around) ?? 0
        if value >= 20, value >= usual * 5 {
          open = (open?.from ?? minute, max(open?.peak ?? 0, value), open?.usual ?? usual)
        } else if let one = open {
          found.append((day, one.from, minute, one.peak, one.usual))
          open = nil
        }
      }
    }
    while let one = found.first {
      let same = found.filter { abs($0.from - one.from) <= 3 && abs($0.to - one.to) <= 6 }
      found.removeAll { abs($0.from - one.from) <= 3 && abs($0.to - one.to) <= 6 }
      let seen = Set(same.map(\.day))
      let weekdays = Set(seen.map(CivilDay.weekday))
      let isWeekly = weekdays.allSatisfy { weekday in
        let like = days.filter { CivilDay.weekday($0) == weekday }
        return like.count >= 2 && like.allSatisfy(seen.contains)
      }
      bursts.append(
        Burst(
          from: same.map(\.from).min() ?? 0, to: same.map(\.to).max() ?? 0, days: seen.sorted(),
          perMinute: same.map(\.peak).max() ?? 0,
          usual: Self.median(same.map(\.usual)) ?? 0,
          recurs: isWeekly || (seen.count >= 2 && seen.count * 2 >= days.count)))
    }
    bursts.sort { ($0.from, $0.days.first ?? 0) < ($1.from, $1.days.first ?? 0) }
  }

  /// Finds the stretches of the week that are quiet on every day of their weekday, away from
  /// recurring bursts.
  private mutating func findStretches() {
    var quiet = [Bool](repeating: false, count: 7 * 1440)
    for weekday in 0..<7 {
      let like = days.filter { CivilDay.weekday($0) == weekday }
      guard !like.isEmpty else { continue }
      for minute in 0..<1440 {
        quiet[weekday * 1440 + minute] = like.allSatisfy { day in
          guard let minutes = counts[day] else { return false }
          let known = minutes.filter { !$0.isNaN }
          return smooth(minutes, minute) < known.reduce(0, +) / Double(known.count) * Self.quiet
        }
      }
    }
    for burst in bursts where burst.recurs {
      let daily = burst.days.count * 2 >= days.count
      let weekdays = daily ? Set(0..<7) : Set(burst.days.map(CivilDay.weekday))
      for weekday in weekdays {
        for minute in (burst.from - Self.margin)..<(burst.to + Self.margin) {
          quiet[((weekday * 1440 + minute) % quiet.count + quiet.count) % quiet.count] = false
        }
      }
    }
    // Starts at a minute that is not quiet and goes once around the week, so that a stretch may
    // cross Saturday's end.
    guard let start = quiet.firstIndex(of: false) else { return }
    var run = 0
    for step in 1...quiet.count {
      let at = (start + step) % quiet.count
      if quiet[at] {
        run += 1
      } else {
        if run >= Self.shortest { add(at - run, run) }
        run = 0
      }
    }
    stretches.sort { ($0.length, -$0.requests) > ($1.length, -$1.requests) }
  }

  private mutating func add(_ start: Int, _ length: Int) {
    let start = (start + 7 * 1440) % (7 * 1440)
    var requests = 0.0
    for minute in start..<start + length {
      let at = minute % (7 * 1440)
      let values = days.filter { CivilDay.weekday($0) == at / 1440 }.compactMap { day in
        counts[day].flatMap { $0[at % 1440].isNaN ? nil : $0[at % 1440] }
      }
      requests += values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
    }
    let seen = days.count { CivilDay.weekday($0) == start / 1440 }
    stretches.append(Stretch(start: start, length: length, days: seen, requests: requests))
  }

  private mutating func foldHours(_ traffic: Traffic) {
    var sums = [(requests: Double, errors: Double, minutes: Double)](
      repeating: (0, 0, 0), count: 168)
    var durations = [Histogram](repeating: Histogram(), count: 168)
    let chosen = Set(days.isEmpty ? Array(counts.keys) : days)
    guard let first = traffic.minutes.keys.min(), let last = traffic.minutes.keys.max() else {
      return
    }
    for minute in first...last {
      let at = wall(minute)
      guard chosen.contains(at / 1440) else { continue }
      let index = CivilDay.weekday(at / 1440) * 24 + at % 1440 / 60
      let counted = traffic.minutes[minute] ?? Traffic.Minute()
      sums[index].requests += counted.requests
      sums[index].errors += counted.errors
      sums[index].minutes += 1
    }
    for (hour, found) in traffic.durations {
      // In zones with half an hour of offset, an hour of UTC belongs to two local hours; its middle
      // decides.
      let at = wall(hour * 60 + 30)
      if chosen.contains(at / 1440) {
        durations[CivilDay.weekday(at / 1440) * 24 + at % 1440 / 60].merge(found)
      }
    }
    for index in 0..<168 where sums[index].minutes > 0 {
      hours[index] = Hour(
        requestsPerMinute: sums[index].requests / sums[index].minutes,
        errorRate: traffic.errorRate(sums[index].errors, of: sums[index].requests),
        p95: durations[index].quantile(0.95))
    }
  }

  /// The upper median of the values that are not NaN; nil: there are none.
  private static func median(_ values: [Double]) -> Double? {
    let sorted = values.filter { !$0.isNaN }.sorted()
    return sorted.isEmpty ? nil : sorted[sorted.count / 2]
  }

  /// The time of day as `03:20`, for minutes after midnight, of the next day too.
  package static func clock(_ minute: Int) -> String {
    "\(Digits.two(minute / 60 % 24)):\(Digits.two(minute % 60))"
  }
}
