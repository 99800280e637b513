/// The checksum in the last line of a generated file, which reveals edits by hand.
package enum Seal {
  private static let mark = "# canary seal "

  /// Appends the seal line to a text, which must end with a newline.
  package static func seal(_ text: String) -> String { text + mark + hex(checksum(text)) + "\n" }
  /// Whether the text ends with a seal and has not changed since it was sealed.
  package static func isWhole(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      let length = mark.utf8.count + 17
      guard bytes.count > length else { return false }
      let body = bytes[..<(bytes.count - length)]
      return bytes[body.endIndex...].elementsEqual("\(mark)\(hex(checksum(body)))\n".utf8)
    }
  }

  /// FNV-1a with 64 bits (draft-eastlake-fnv): it detects accidents and edits, not an attacker.
  static func checksum(_ text: String) -> UInt64 {
    var text = text
    return text.withUTF8 { checksum($0[...]) }
  }

  private static func checksum(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }

  private static func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// The facts in the first line of a generated file, which can be read even when the store cannot.
package struct GeneratedHeader: Hashable, Sendable {
  package var service: ServiceName
  package var generation: Generation
  /// Nil for a file that does not state its routing, such as a `.location`.
  ///
  /// The line has no `fallback` (read as false), and of an audience only the salt.
  package var routing: Routing?
  /// Whether the weight is a set of seats; then `routing` has none.
  package var hasSeats = false
  /// Whether its brake leads to stable while `RunFolder.stays` is there; not that of a text which
  /// 0.1.0 wrote.
  package var mayStay = false
  /// Reads the first line; nil when the text is not a generated file.
  package init?(_ text: String) {
    guard let line = text.split(separator: "\n", maxSplits: 1).first,
      line.hasPrefix("# canary service=")
    else {
      return nil
    }
    var facts: [Substring: String] = [:]
    for word in line.split(separator: " ") {
      let parts = word.split(separator: "=", maxSplits: 1)
      if parts.count == 2 { facts[parts[0]] = String(parts[1]) }
    }
    guard let service = facts["service"].flatMap(ServiceName.init),
      let number = facts["generation"].flatMap(Int.init)
    else { return nil }
    self.service = service
    generation = Generation(number)
    if let stable = facts["stable"].flatMap(PoolName.init),
      let brake = facts["brake"].flatMap(PoolName.init),
      let weight = facts["weight"].flatMap({
        $0 == "seats" ? Weight.none : Double($0).flatMap(Weight.init(percent:))
      })
    {
      hasSeats = facts["weight"] == "seats"
      mayStay = text.contains(".stays)") || text.contains(".relayed.")
      routing = Routing(
        stable: stable, canary: facts["canary"].flatMap(PoolName.init), weight: weight,
        brake: brake,
        brakeUntil: facts["until"].flatMap(Int64.init).map(Instant.init(milliseconds:)),
        fallback: false,
        audience: facts["audience"].flatMap { $0 == "-" ? nil : Audience(salt: $0) })
    }
  }
}
