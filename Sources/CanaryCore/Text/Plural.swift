extension Text {
  /// A count with its noun: `1 request`, `1,204 requests`; `many` for a noun whose plural is no `s`.
  package static func count(_ number: Int, _ one: String, _ many: String? = nil) -> String {
    "\(ComparisonReport.grouped(number)) \(noun(number, one, many))"
  }

  /// The noun for a count that is written elsewhere, or as plain digits.
  package static func noun(_ number: Int, _ one: String, _ many: String? = nil) -> String {
    number == 1 ? one : many ?? one + "s"
  }
}
