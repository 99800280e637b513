/// Keeps a large value behind a reference, copied on the first write to a shared one.
///
/// One event passes the state through many functions, and an `async` function holds each of its
/// copies for as long as it waits: behind a reference, those copies cost a pointer each.
@propertyWrapper
package struct Boxed<Value: Sendable>: Sendable {
  /// Unchecked, because `_modify` writes to a box only while exactly one reference to it exists.
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

// Synthesized `Codable` picks these overloads, so a boxed nil is left out of the encoded form, as
// an unboxed one is.
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
