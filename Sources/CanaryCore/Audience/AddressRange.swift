/// An IP address; an IPv4 address inside IPv6 (`::ffff:10.0.0.1`) becomes the IPv4 address.
package struct IPAddress: Hashable, Sendable {
  /// 4 or 16 bytes, in network order.
  package let bytes: [UInt8]

  /// Parses an address without port and brackets; nil for any other text.
  package init?(_ text: String) {
    if let four = Self.four(text[...]) {
      bytes = four
      return
    }
    guard let sixteen = Self.sixteen(text) else { return nil }
    let isMapped = sixteen[..<10].allSatisfy { $0 == 0 } && sixteen[10] == 255 && sixteen[11] == 255
    bytes = isMapped ? Array(sixteen[12...]) : sixteen
  }

  private static func four(_ text: Substring) -> [UInt8]? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    let bytes = parts.compactMap { part -> UInt8? in
      guard (1...3).contains(part.utf8.count),
        part.utf8.allSatisfy({ (48...57).contains($0) })
      else { return nil }
      return UInt8(part)
    }
    return bytes.count == 4 ? bytes : nil
  }

  private static func sixteen(_ text: String) -> [UInt8]? {
    guard text.utf8.count <= 45, text.contains(":") else { return nil }
    let halves = text.split(separator: "::", omittingEmptySubsequences: false)
    guard halves.count <= 2 else { return nil }
    var groups: [[UInt8]] = []
    for half in halves {
      guard let bytes = groupBytes(half) else { return nil }
      groups.append(bytes)
    }
    if groups.count == 1 { return groups[0].count == 16 ? groups[0] : nil }
    let missing = 16 - groups[0].count - groups[1].count
    guard missing >= 2 else { return nil }
    return groups[0] + Array(repeating: 0, count: missing) + groups[1]
  }

  private static func groupBytes(_ text: Substring) -> [UInt8]? {
    if text.isEmpty { return [] }
    var bytes: [UInt8] = []
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      if index == parts.count - 1, let tail = four(part) { return bytes + tail }
      guard (1...4).contains(part.utf8.count), let value = UInt16(part, radix: 16),
        part.first != "+"
      else { return nil }
      bytes += [UInt8(value >> 8), UInt8(value & 255)]
    }
    return bytes
  }
}

/// A range of addresses, as in `10.1.0.0/16`, `2001:db8::/32` or a single address.
package struct AddressRange: Hashable, Sendable, Codable, CustomStringConvertible {
  package let description: String
  private let network: IPAddress
  private let length: Int

  /// Parses a range; throws the rule that the text breaks.
  package init(parsing text: String) throws(Violation) {
    let rule = Violation("must be an address or a range such as 10.1.0.0/16 or 2001:db8::/32")
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), let address = IPAddress(String(parts[0])) else {
      throw rule
    }
    guard !text.lowercased().hasPrefix("::ffff:") else {
      throw Violation("must be written as the IPv4 address that it stands for")
    }
    let bits = address.bytes.count * 8
    var length = bits
    if parts.count == 2 {
      guard (1...3).contains(parts[1].utf8.count), let number = Int(parts[1]),
        (0...bits).contains(number), parts[1].utf8.allSatisfy({ (48...57).contains($0) })
      else { throw Violation("must end in a length of 0 to \(bits) bits after the '/'") }
      length = number
    }
    guard Self.isNetwork(address.bytes, length) else {
      throw Violation("must begin with the network's own address: bits beyond /\(length) are set")
    }
    description = text
    network = address
    self.length = length
  }

  package init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    do throws(Violation) {
      try self.init(parsing: text)
    } catch {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "range '\(text)'"))
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  package func contains(_ address: IPAddress) -> Bool {
    guard address.bytes.count == network.bytes.count else { return false }
    return Self.masked(address.bytes, length) == network.bytes
  }

  private static func masked(_ bytes: [UInt8], _ length: Int) -> [UInt8] {
    bytes.enumerated().map { index, byte in
      let kept = min(8, max(0, length - index * 8))
      return kept == 0 ? 0 : byte & (255 << UInt8(8 - kept))
    }
  }

  private static func isNetwork(_ bytes: [UInt8], _ length: Int) -> Bool {
    masked(bytes, length) == bytes
  }
}
