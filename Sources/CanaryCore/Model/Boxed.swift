/// Keeps a large value behind a reference; it is copied when it is written to while others hold it.
///
/// A state is handed from function to function many times for each event, and an `async` function keeps each of its
/// copies for as long as it waits.
@propertyWrapper
package struct Boxed<Value: Sendable>: Sendable {
  /// Written to only while one reference to it exists.
  private final class Box: @unchecked Sendable {
    var value: Value
    init(_ value: Value) { self.value = value }
  }

  private var box: Box

  package init(wrappedValue: Value) { box = Box(wrappedValue) }

  package var wrappedValue: Value {
    _read { yield box.value }
    _modify {
      if !isKnownUniquelyReferenced(&box) { box = Box(box.value) }
      yield &box.value
    }
  }
}

extension Boxed: Equatable where Value: Equatable {
  package static func == (left: Self, right: Self) -> Bool {
    left.box === right.box || left.box.value == right.box.value
  }
}

extension Boxed: Hashable where Value: Hashable {
  package func hash(into hasher: inout Hasher) { hasher.combine(box.value) }
}

extension Boxed: Encodable where Value: Encodable {
  package func encode(to encoder: any Encoder) throws { try box.value.encode(to: encoder) }
}

extension Boxed: Decodable where Value: Decodable {
  package init(from decoder: any Decoder) throws {
    self.init(wrappedValue: try Value(from: decoder))
  }
}

// A box is invisible in what is written: what is nil is left out, as without one. The compiler's own `Codable` finds
// these more special forms.
extension KeyedDecodingContainer {
  package func decode<Value: Decodable>(_ type: Boxed<Value?>.Type, forKey key: Key) throws
    -> Boxed<Value?>
  {
    Boxed(wrappedValue: try decodeIfPresent(Value.self, forKey: key))
  }
}

extension KeyedEncodingContainer {
  package mutating func encode<Value: Encodable>(_ value: Boxed<Value?>, forKey key: Key) throws {
    try encodeIfPresent(value.wrappedValue, forKey: key)
  }
}
