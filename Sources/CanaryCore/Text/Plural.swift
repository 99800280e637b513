extension Text {
  /// A count with its noun: `1 request`, `1,204 requests`; `many` for a noun whose plural is no `s`.
  package static func count(_ number: Int, _ one: String, _ many: String? = nil) -> String {
    "\(ComparisonReport.grouped(number)) \(number == 1 ? one : many ?? one + "s")"
  }
}
