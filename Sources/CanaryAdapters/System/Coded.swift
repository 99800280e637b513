internal import FoundationEssentials

/// Values as one line of JSON, and back.
package enum Coded {
  /// Nil for a value that JSON cannot say.
  package static func text(_ value: some Encodable) -> String? {
    (try? JSONEncoder().encode(value)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Nil for a text that is no such value.
  package static func value<Value: Decodable>(_ type: Value.Type, _ text: String) -> Value? {
    try? JSONDecoder().decode(type, from: Data(text.utf8))
  }
}
