/// What of a service's name fits into the hashes that Nginx makes of names at its start.
///
/// With its usual buckets of 64 bytes, a variable or a server's name has at most 46 letters
/// (`ngx_hash_init`: a pointer, the length and the name, rounded to words). Whoever has an Nginx may
/// not have to enlarge them for canary.
extension ServiceName {
  /// The longest part of a variable that is the service's: the longest of canary's own takes 23.
  private static let longest = 22
  /// The longest that is a server's name with `.canary` behind it, with some to spare.
  private static let longestHost = 30

  /// The name as a part of an Nginx variable, in which `-` cannot be.
  var nginxVariable: String {
    String(short(Self.longest).map { $0 == "-" ? "_" : $0 })
  }

  /// The name that a worker is asked by, before `.canary`.
  package var probeHost: String { short(Self.longestHost) }

  /// The name itself, or its beginning with a checksum of all of it.
  private func short(_ most: Int) -> String {
    guard text.utf8.count > most else { return text }
    let digits = String(UInt32(truncatingIfNeeded: Seal.checksum(text)), radix: 16)
    return
      "\(text.prefix(Self.longest - 9))-\(String(repeating: "0", count: 8 - digits.count))\(digits)"
  }
}
