/// One item of a list: the bytes between two separators.
struct LogItem {
  let bytes: Slice<UnsafeBufferPointer<UInt8>>

  /// The status as a number; 0 for `-`, which Nginx writes for a try without an answer.
  var status: Int {
    var value = 0
    for byte in bytes {
      guard byte >= 48, byte <= 57, value < 1000 else { return 0 }
      value = value &* 10 &+ Int(byte &- 48)
    }
    return value
  }

  /// A whole number; -1 for `-`, and for anything else.
  var number: Int64 {
    var value: Int64 = 0
    for byte in bytes {
      guard byte >= 48, byte <= 57, value < 1_000_000_000_000 else { return -1 }
      value = value &* 10 &+ Int64(byte &- 48)
    }
    return bytes.isEmpty ? -1 : value
  }

  /// A time in seconds with decimals, as milliseconds; nil for `-`.
  var time: Int64? {
    var value: Int64 = 0
    var hasDot = false
    guard let first = bytes.first, first != 45 else { return nil }
    for byte in bytes {
      if byte == 46, !hasDot {
        hasDot = true
        continue
      }
      guard byte >= 48, byte <= 57, value < 1_000_000_000_000 else { return nil }
      value = value &* 10 &+ Int64(byte &- 48)
    }
    return hasDot ? value : nil
  }
}

/// A position in a log line; each method reads one field and moves behind its tab.
struct LogCursor {
  let base: UnsafeBufferPointer<UInt8>
  var at: Int
  let end: Int

  @inline(__always)
  init(_ line: Slice<UnsafeBufferPointer<UInt8>>) {
    base = line.base
    at = line.startIndex
    end = line.endIndex
  }

  /// A cursor at the end of nothing.
  static var empty: LogCursor {
    LogCursor(Slice(base: UnsafeBufferPointer(start: nil, count: 0), bounds: 0..<0))
  }

  /// Reads `canary1` to `canary6` and a tab: the format's version; 0 for anything else.
  @inline(__always)
  mutating func version() -> UInt8 {
    guard end - at > 8, base[at] == 99, base[at + 1] == 97, base[at + 2] == 110, base[at + 3] == 97,
      base[at + 4] == 114, base[at + 5] == 121, base[at + 7] == 9
    else { return 0 }
    let version = base[at + 6] &- 48
    at += 8
    return version <= 6 ? version : 0
  }

  /// Reads a letter or a seat, and a tab: how the request came to its pool; nil for any other field.
  @inline(__always)
  mutating func seat() -> LoggedSeat? {
    let start = at
    if let quick = quickSeat() { return quick }
    guard skipField() else { return nil }
    return LoggedSeat(Slice(base: base, bounds: start..<(at - 1)))
  }

  /// The field that comes next.
  var field: Slice<UnsafeBufferPointer<UInt8>> {
    var cursor = self
    guard cursor.skipField() else { return rest }
    return Slice(base: base, bounds: at..<(cursor.at - 1))
  }

  /// The last field of the line as a whole number, which is not read; nil for any other field.
  func last() -> Int? {
    guard at < end, end - at <= 15 else { return nil }
    var value = 0
    for index in at..<end {
      guard base[index] >= 48, base[index] <= 57 else { return nil }
      value = value &* 10 &+ Int(base[index] &- 48)
    }
    return value
  }

  /// The part of the line that was not read yet.
  var rest: Slice<UnsafeBufferPointer<UInt8>> { Slice(base: base, bounds: at..<end) }

  /// Reads seconds with three decimals and a tab, as milliseconds; nil for any other field.
  @inline(__always)
  mutating func time() -> Int64? {
    var value: Int64 = 0
    var decimals = -1
    while at < end, base[at] != 9 {
      let byte = base[at]
      at &+= 1
      if byte == 46, decimals < 0 {
        decimals = 0
        continue
      }
      guard byte >= 48, byte <= 57, value < 100_000_000_000_000 else { return nil }
      value = value &* 10 &+ Int64(byte &- 48)
      if decimals >= 0 { decimals &+= 1 }
    }
    guard decimals == 3, at < end else { return nil }
    at &+= 1
    return value
  }

  /// Reads a whole number and a tab; nil for any other field.
  @inline(__always)
  mutating func number() -> Int? {
    var value = 0
    let start = at
    while at < end, base[at] >= 48, base[at] <= 57 {
      guard value < 1_000_000_000_000 else { return nil }
      value = value &* 10 &+ Int(base[at] &- 48)
      at &+= 1
    }
    guard at > start, at < end, base[at] == 9 else { return nil }
    at &+= 1
    return value
  }

  /// Reads a status of three digits and a tab; nil for any other field.
  @inline(__always)
  mutating func status() -> Int? {
    guard end - at > 4, base[at + 3] == 9 else { return nil }
    var value = 0
    for index in at..<(at + 3) {
      guard base[index] >= 48, base[index] <= 57 else { return nil }
      value = value * 10 + Int(base[index] - 48)
    }
    at += 4
    return value
  }

  /// Skips a field and its tab; false when the field is empty or the last one.
  @inline(__always)
  mutating func skipField() -> Bool {
    let start = at
    while at < end, base[at] != 9 { at &+= 1 }
    guard at < end, at > start else { return false }
    at &+= 1
    return true
  }

  /// Whether the rest of the line is one field that is not empty.
  var isLastField: Bool {
    guard at < end else { return false }
    for index in at..<end where base[index] == 9 { return false }
    return true
  }

  /// Whether the field is `-`: Nginx tried no server.
  var isAtNothing: Bool { at < end && base[at] == 45 && (at + 1 == end || base[at + 1] == 9) }

  /// The number of items in the list, which is not read yet.
  @inline(__always)
  func listCount() -> Int {
    var index = at
    var count = 1
    while index < end, base[index] != 9 {
      if base[index] == 32, base[index &- 1] == 44 || base[index &- 1] == 58 { count &+= 1 }
      index &+= 1
    }
    return count
  }

  /// Reads the next item of the list.
  @inline(__always)
  mutating func item() -> LogItem {
    let start = at
    while at < end, base[at] != 9, base[at] != 44, base[at] != 32 { at &+= 1 }
    let item = LogItem(bytes: Slice(base: base, bounds: start..<at))
    // Items are separated by `, ` or ` : `.
    while at < end, base[at] == 44 || base[at] == 32 || (base[at] == 58 && base[at &- 1] == 32) {
      at &+= 1
    }
    return item
  }
}
