/// A day of the Gregorian calendar, without a time zone.
package struct CivilDay: Hashable, Sendable {
  package let year: Int
  /// 1 to 12.
  package let month: Int
  /// 1 to 31.
  package let day: Int

  /// Makes the day that is `number` days after 1970-01-01.
  ///
  /// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
  package init(number: Int) {
    let z = number + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    month = shifted < 10 ? shifted + 3 : shifted - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    day = dayOfYear - (153 * shifted + 2) / 5 + 1
  }

  /// The number of days from 1970-01-01 to the day of a second since 1970, rounded down.
  package static func number(of second: Int64) -> Int {
    Int(second >= 0 ? second / 86_400 : (second - 86_399) / 86_400)
  }

  package init(of second: Int64) { self.init(number: Self.number(of: second)) }

  /// Returns nil for a date that the calendar does not have.
  package init?(year: Int, month: Int, day: Int) {
    guard (1...12).contains(month), (1...Self.length(year: year, month: month)).contains(day) else {
      return nil
    }
    self.year = year
    self.month = month
    self.day = day
  }

  /// Days since 1970-01-01 (same source, days_from_civil).
  package var number: Int {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  /// The weekday of a day counted from 1970-01-01; 0 is Sunday, as in POSIX.
  package static func weekday(_ number: Int) -> Int { ((number % 7) + 11) % 7 }

  /// How many days a month has; `month` is 1 to 12.
  package static func length(year: Int, month: Int) -> Int {
    switch month {
    case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  package var lengthOfMonth: Int { Self.length(year: year, month: month) }

  /// `2026-11-24`.
  package var text: String { "\(year)-\(Digits.two(month))-\(Digits.two(day))" }
}

/// Writes numbers of two or three digits with leading zeros.
package enum Digits {
  package static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
  package static func three(_ number: Int) -> String {
    number < 100 ? "0" + two(number) : "\(number)"
  }
}
