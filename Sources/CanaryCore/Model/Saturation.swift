// Numbers that somebody else chose (in a header, a log line, a stored row) may be as large as their
// type allows. Arithmetic on them must end at a bound, because Swift's own ends the program.
extension FixedWidthInteger {
  /// The whole number nearest to a `Double`; the nearest bound of the type beyond it, and 0 for NaN.
  package init(saturating value: Double) {
    if value.isNaN {
      self = 0
    } else {
      // Beyond the type, `exactly` is nil: then only the sign matters.
      self = Self(exactly: value.rounded()) ?? (value < 0 ? .min : .max)
    }
  }

  /// The sum; the nearest bound of the type when it does not fit.
  package func saturatingSum(_ other: Self) -> Self {
    let (sum, isOver) = addingReportingOverflow(other)
    return isOver ? (other < 0 ? .min : .max) : sum
  }

  /// The product; the nearest bound of the type when it does not fit.
  package func saturatingProduct(_ other: Self) -> Self {
    let (product, isOver) = multipliedReportingOverflow(by: other)
    return isOver ? ((self < 0) != (other < 0) ? .min : .max) : product
  }
}
