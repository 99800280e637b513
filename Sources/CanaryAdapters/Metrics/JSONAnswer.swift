package import CanaryCore
internal import FoundationEssentials

/// Reads the JSON that an API answers.
package enum JSONAnswer {
  /// The root of the document; nil when the text is not JSON.
  package static func parse(_ text: String) -> Node? { try? JSONReader.read(text).node }

  /// The node that a JSON Pointer leads to (RFC 6901); nil when there is none.
  package static func at(_ pointer: String, in root: Node) -> Node? {
    guard !pointer.isEmpty else { return root }
    var node = root
    // By bytes: a key may begin with a mark that combines with the slash before it.
    for step in pointer.utf8.dropFirst().split(
      separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    {
      let key = unescaped(step)
      switch node {
      case .table(let table):
        guard let next = table[key] else { return nil }
        node = next
      case .list(let items):
        let isIndex =
          key == "0" || (key.first != "0" && key.allSatisfy { ("0"..."9").contains($0) })
        guard isIndex, let index = Int(key), items.indices.contains(index) else { return nil }
        node = items[index]
      case .null, .bool, .number, .text: return nil
      }
    }
    return node
  }

  /// The key that a step of a pointer names: `~1` is a slash, `~0` a tilde.
  private static func unescaped(_ step: Substring.UTF8View) -> String {
    var bytes: [UInt8] = []
    var isEscaped = false
    for byte in step {
      switch (isEscaped, byte) {
      case (true, UInt8(ascii: "1")): bytes[bytes.count - 1] = UInt8(ascii: "/")
      case (true, UInt8(ascii: "0")): break
      default: bytes.append(byte)
      }
      isEscaped = byte == UInt8(ascii: "~")
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The node as a number: true is 1, and a text may hold one; nil for anything else.
  ///
  /// `NaN`, `+Inf` and `-Inf` are numbers here; the caller decides what they mean.
  package static func number(_ node: Node) -> Double? {
    switch node {
    case .number(let value): return value
    case .bool(let value): return value ? 1 : 0
    case .text(let text):
      switch text {
      case "NaN", "nan": return .nan
      case "+Inf", "Inf", "inf": return .infinity
      case "-Inf", "-inf": return -.infinity
      default: return Double(text)
      }
    case .null, .list, .table: return nil
    }
  }

  /// The node as a time: RFC 3339, or seconds, milliseconds or nanoseconds since 1970; nil for
  /// anything else.
  package static func time(_ node: Node) -> Instant? {
    if case .text(let text) = node, let date = try? Date(text, strategy: .iso8601) {
      return Instant(seconds: date.timeIntervalSince1970)
    }
    guard let number = number(node), number.isFinite, number > 0 else { return nil }
    // By size: 100 billion seconds is the year 5138, as milliseconds it is 1973.
    return Instant(seconds: number > 1e14 ? number / 1e9 : number > 1e11 ? number / 1000 : number)
  }
}
