/// A property that is left out of the encoded form while it is empty.
///
/// So a newer program reads states that an older one saved without the property.
@propertyWrapper
package struct Sparse<Value: Emptiable & Codable & Sendable>: Hashable, Sendable, Codable {
  package var wrappedValue: Value

  package init(wrappedValue: Value) { self.wrappedValue = wrappedValue }

  package init(from decoder: any Decoder) throws { wrappedValue = try Value(from: decoder) }
  package func encode(to encoder: any Encoder) throws { try wrappedValue.encode(to: encoder) }
}

/// A type whose empty value `Sparse` may leave out of the encoded form.
package protocol Emptiable: Hashable {
  /// The value that a missing key is decoded as.
  static var empty: Self { get }
}

extension Array: Emptiable where Element: Hashable {
  package static var empty: Self { [] }
}
extension Dictionary: Emptiable where Value: Hashable {
  package static var empty: Self { [:] }
}
extension Bool: Emptiable { package static var empty: Bool { false } }
extension Int: Emptiable { package static var empty: Int { 0 } }
extension Span: Emptiable { package static var empty: Span { .zero } }
extension Totals: Emptiable { package static var empty: Totals { Totals() } }
extension Hooks: Emptiable { package static var empty: Hooks { Hooks() } }

// Synthesized `Codable` picks these overloads, because they are more specific than the generic
// ones.
extension KeyedDecodingContainer {
  package func decode<Value>(_ type: Sparse<Value>.Type, forKey key: Key) throws -> Sparse<Value> {
    Sparse(wrappedValue: try decodeIfPresent(Value.self, forKey: key) ?? .empty)
  }
}

extension KeyedEncodingContainer {
  package mutating func encode<Value>(_ value: Sparse<Value>, forKey key: Key) throws {
    if value.wrappedValue != .empty { try encode(value.wrappedValue, forKey: key) }
  }
}
