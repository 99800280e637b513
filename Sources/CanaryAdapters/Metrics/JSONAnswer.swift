package import CanaryCore
internal import FoundationEssentials

/// What a JSON API answered.
package enum JSONAnswer {
  /// Nil for what is no JSON.
  package static func parse(_ text: String) -> Node? { ConfigFile.json(text) }

  /// The node that a JSON Pointer leads to (RFC 6901); nil when there is none.
  package static func at(_ pointer: String, in root: Node) -> Node? {
    guard !pointer.isEmpty else { return root }
    var node = root
    for step in pointer.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      let key = step.replacing("~1", with: "/").replacing("~0", with: "~")
      switch node {
      case .table(let table):
        guard let next = table[String(key)] else { return nil }
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

  /// The number that a node is or says; nil for anything else.
  ///
  /// `NaN`, `+Inf` and `-Inf` are numbers here: they are told apart where they are judged.
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

  /// A time: seconds or milliseconds since 1970, or RFC 3339.
  package static func time(_ node: Node) -> Instant? {
    if case .text(let text) = node, let date = try? Date(text, strategy: .iso8601) {
      return Instant(seconds: date.timeIntervalSince1970)
    }
    guard let number = number(node), number.isFinite, number > 0 else { return nil }
    // 100 billion seconds is the year 5138; as milliseconds it is 1973.
    return Instant(seconds: number > 1e14 ? number / 1e9 : number > 1e11 ? number / 1000 : number)
  }
}
