internal import Glibc

/// The functions that the core takes from the system's mathematics library.
enum Mathematics {
  @inline(__always) static func log(_ x: Double) -> Double { Glibc.log(x) }
  @inline(__always) static func exp(_ x: Double) -> Double { Glibc.exp(x) }
  /// ln(1 + x), exact for small x.
  @inline(__always) static func log1p(_ x: Double) -> Double { Glibc.log1p(x) }
}
