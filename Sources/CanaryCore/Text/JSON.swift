/// A value to print as JSON, which keeps the order of its keys.
package indirect enum JSON {
  case null
  case bool(Bool)
  case int(Int)
  case number(Double)
  case text(String)
  case list([JSON])
  case table([(String, JSON)])
  /// A text that is valid JSON already, on one line.
  case raw(String)

  package init(_ text: String?) { self = text.map(JSON.text) ?? .null }
  package init(_ number: Int?) { self = number.map(JSON.int) ?? .null }

  /// The value on one line, without spaces.
  package var line: String {
    var out = ""
    write(&out, indent: nil)
    return out
  }

  /// The value on several lines, indented by two spaces.
  package var pretty: String {
    var out = ""
    write(&out, indent: 0)
    return out
  }

  private func write(_ out: inout String, indent: Int?) {
    switch self {
    case .null: out += "null"
    case .bool(let value): out += value ? "true" : "false"
    case .int(let value): out += "\(value)"
    case .number(let value):
      // JSON has neither NaN nor infinity.
      if !value.isFinite {
        out += "null"
      } else if value == value.rounded(), abs(value) < 1e15 {
        out += "\(Int64(value))"
      } else {
        out += "\(value)"
      }
    case .text(let text): Self.quote(text, &out)
    case .raw(let text): out += text
    case .list(let items):
      Self.wrap("[", "]", items, &out, indent) { item, out, inner in item.write(&out, indent: inner)
      }
    case .table(let pairs):
      Self.wrap("{", "}", pairs, &out, indent) { pair, out, inner in
        Self.quote(pair.0, &out)
        out += inner == nil ? ":" : ": "
        pair.1.write(&out, indent: inner)
      }
    }
  }

  private static func wrap<Item>(
    _ open: String, _ close: String, _ items: [Item], _ out: inout String, _ indent: Int?,
    _ write: (Item, inout String, Int?) -> Void
  ) {
    out += open
    let inner = indent.map { $0 + 2 }
    for (index, item) in items.enumerated() {
      if index > 0 { out += "," }
      if let inner { out += "\n" + String(repeating: " ", count: inner) }
      write(item, &out, inner)
    }
    if let indent, !items.isEmpty { out += "\n" + String(repeating: " ", count: indent) }
    out += close
  }

  private static func quote(_ text: String, _ out: inout String) { out += JSONText.quoted(text) }
}

/// Quotes JSON strings.
package enum JSONText {
  /// The text as a JSON string, with its quotes; characters that are not seen stand as escapes.
  package static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case _ where Text.isInvisible(scalar):
        for unit in String(scalar).utf16 {
          let digits = String(unit, radix: 16)
          out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}
