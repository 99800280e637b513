extension Instant {
  /// RFC 3339 in UTC with milliseconds: `2026-11-21T03:20:00.123Z`.
  package var iso8601: String {
    let days = CivilDay.number(of: second)
    return
      "\(CivilDay(number: days).text)T\(clockTime).\(Digits.three(Int(milliseconds - second * 1000)))Z"
  }

  /// The time of day in UTC, as `03:20:00`, for log lines.
  package var clockTime: String { Self.clock(second) }

  /// The time of day of a count of seconds since any midnight, as `03:20:00`.
  static func clock(_ second: Int64) -> String {
    let rest = Int(((second % 86_400) + 86_400) % 86_400)
    return "\(Digits.two(rest / 3600)):\(Digits.two(rest / 60 % 60)):\(Digits.two(rest % 60))"
  }
}
