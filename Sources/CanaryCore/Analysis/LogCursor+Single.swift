// The usual line: one try, and nothing unusual in it.
extension LogCursor {
  /// The only try of a request, and where what follows begins.
  struct Single {
    /// The hash of the address.
    let address: UInt64
    /// The status; 0 for `-`.
    let status: Int
    /// Milliseconds; negative for `-`.
    let header: Int64
    let response: Int64
    let responseTimes: LogCursor
    /// At the field of the response times, for what follows it; at the end where nothing does.
    let next: LogCursor
  }

  /// Looks at addresses, statuses, header times and response times with one item each; nil: they
  /// are something else, and read as lists.
  @inline(__always)
  func single() -> Single? {
    var cursor = self
    guard let address = cursor.onlyHash(), let status = cursor.onlyStatus(),
      let header = cursor.onlyTime(isLast: false)
    else { return nil }
    let responseTimes = cursor
    guard let response = cursor.onlyTime(isLast: true) else { return nil }
    return Single(
      address: address, status: status, header: header, response: response,
      responseTimes: responseTimes,
      next: cursor.at == end && base[end &- 1] != 9 ? cursor : responseTimes)
  }

  /// The hash of a field that is one address, and no `-`.
  @inline(__always)
  private mutating func onlyHash() -> UInt64? {
    let start = at
    while at < end, base[at] != 9 {
      // `, ` or ` : `
      if base[at] == 32 { return nil }
      at &+= 1
    }
    guard at < end, at &- start > 1 else { return nil }
    let hash = AddressHash.of(Slice(base: base, bounds: start..<at))
    at &+= 1
    return hash
  }

  @inline(__always)
  private mutating func onlyStatus() -> Int? {
    guard end &- at > 4 else { return nil }
    if base[at] == 45, base[at &+ 1] == 9 {
      at &+= 2
      return 0
    }
    return status()
  }

  /// Seconds with three decimals as milliseconds, or a negative number for `-`.
  @inline(__always)
  private mutating func onlyTime(isLast: Bool) -> Int64? {
    let start = at
    var value: Int64 = 0
    while at < end, base[at] >= 48, base[at] <= 57 {
      value = value &* 10 &+ Int64(base[at] &- 48)
      at &+= 1
    }
    if at == start, at < end, base[at] == 45 {
      at &+= 1
      value = -1
    } else {
      guard at > start, at &- start <= 12, end &- at >= 4, base[at] == 46 else { return nil }
      for index in (at &+ 1)...(at &+ 3) {
        guard base[index] >= 48, base[index] <= 57 else { return nil }
        value = value &* 10 &+ Int64(base[index] &- 48)
      }
      at &+= 4
    }
    if at == end { return isLast ? value : nil }
    guard base[at] == 9 else { return nil }
    at &+= 1
    return value
  }

  /// A seat of one or two digits, or the letter of a drawn request; nil: read it as any other.
  @inline(__always)
  mutating func quickSeat() -> LoggedSeat? {
    guard end &- at > 2 else { return nil }
    let (first, second) = (base[at], base[at &+ 1])
    if second == 9 {
      if first == 100 {
        at &+= 2
        return LoggedSeat(.drawn)
      }
      guard first >= 48, first <= 57 else { return nil }
      at &+= 2
      return LoggedSeat(drawn: Int(first &- 48) &* 100)
    }
    guard base[at &+ 2] == 9, first >= 48, first <= 57, second >= 48, second <= 57 else {
      return nil
    }
    at &+= 3
    return LoggedSeat(drawn: (Int(first &- 48) &* 10 &+ Int(second &- 48)) &* 100)
  }

  /// Whether nothing is left of the line.
  var isAtEnd: Bool { at == end }

  /// Reads the last field of the line, which must not be empty.
  mutating func skipLast() -> Bool {
    guard isLastField else { return false }
    at = end
    return true
  }

  /// How a request ended, and what its answer promised.
  struct Ending {
    var isFinished: Bool
    var promised: Int64
    var hasBody: Bool
  }

  /// Reads the last field: `OK:` or `:`, and a length, nothing, or `-` for an answer without a body.
  @inline(__always)
  mutating func ending() -> Ending? {
    var isFinished = false
    if end &- at >= 3, base[at] == 79, base[at &+ 1] == 75 {
      isFinished = true
      at &+= 2
    }
    guard at < end, base[at] == 58 else { return nil }
    at &+= 1
    if at == end { return Ending(isFinished: isFinished, promised: -1, hasBody: true) }
    if base[at] == 45, at &+ 1 == end {
      at = end
      return Ending(isFinished: isFinished, promised: -1, hasBody: false)
    }
    var value: Int64 = 0
    for index in at..<end {
      // The server says so, in letters of its own.
      guard base[index] != 9 else { return nil }
      guard base[index] >= 48, base[index] <= 57, value < 1_000_000_000_000_000 else {
        at = end
        return Ending(isFinished: isFinished, promised: -1, hasBody: true)
      }
      value = value &* 10 &+ Int64(base[index] &- 48)
    }
    at = end
    return Ending(isFinished: isFinished, promised: value, hasBody: true)
  }
}

/// The hash by which addresses of a log are looked up.
///
/// Nginx writes them, so clients cannot choose them to collide.
enum AddressHash {
  /// FNV-1a, by eight bytes at once.
  @inline(__always)
  static func of(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    var at = bytes.startIndex
    let end = bytes.endIndex
    let base = UnsafeRawBufferPointer(bytes.base)
    while end &- at >= 8 {
      hash = (hash ^ base.loadUnaligned(fromByteOffset: at, as: UInt64.self)) &* 0x100_0000_01b3
      hash ^= hash &>> 29
      at &+= 8
    }
    var word: UInt64 = UInt64(end &- at) &<< 56
    while at < end {
      word = word &<< 8 | UInt64(base[at])
      at &+= 1
    }
    hash = (hash ^ word) &* 0x100_0000_01b3
    return hash ^ hash &>> 29
  }
}
