extension Instant {
  /// RFC 3339 in UTC with milliseconds: `2026-11-21T03:20:00.123Z`.
  package var iso8601: String {
    let (date, time) = parts
    return
      "\(date.year)-\(Self.two(date.month))-\(Self.two(date.day))T\(Self.two(time.hour)):\(Self.two(time.minute))"
      + ":\(Self.two(time.second)).\(Self.three(time.millisecond))Z"
  }

  /// `03:20:00` in UTC, for lines that a person reads as they come.
  package var clockTime: String {
    let (_, time) = parts
    return "\(Self.two(time.hour)):\(Self.two(time.minute)):\(Self.two(time.second))"
  }

  private var parts:
    (
      date: (year: Int, month: Int, day: Int),
      time: (hour: Int, minute: Int, second: Int, millisecond: Int)
    )
  {
    let days = Int((Double(second) / 86_400).rounded(.down))
    let rest = Int(second) - days * 86_400
    let millisecond = Int(milliseconds - second * 1000)
    return (Self.civil(days), (rest / 3600, rest / 60 % 60, rest % 60, millisecond))
  }

  /// The date of a day counted from 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
  private static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
    let z = days + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (
      yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1
    )
  }

  private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
  private static func three(_ number: Int) -> String {
    number < 100 ? "0" + two(number) : "\(number)"
  }
}
