/// Reads lines of the log format that the generated configuration writes.
///
/// `canary1 ⇥ time ⇥ generation ⇥ status ⇥ request time ⇥ addresses ⇥ statuses ⇥ header times ⇥
/// response times`
///
/// The last four are lists with one item for each try: `a, b` for retries and `a : b` after an
/// internal redirect; header times are `-` where nothing reads them. A line that begins with
/// `canary2` has two more fields: how its pool was chosen (`RoutedBy`: a letter, or the name of its
/// seat), and the status of gRPC. One with `canary4` has three more than that: how much of the
/// request had come when its first server was asked, how much came in all, and how much of the
/// answer's body was sent. One that begins with `canary3` is of a TCP service: its lists are
/// addresses, times to connect, to the first byte, and to the end.
package struct LogParser: Sendable {
  private let table: PoolTable
  private let latency: LatencyKind
  private let switches: SwitchTimes?
  /// The index of the pool whose copies count; nil: of any.
  private let copied: Int?

  /// With `switches`, requests belong to a stage by their times; nil: by the generation in the line.
  ///
  /// Copies count only where they went to the pool `copied`; nil: to any pool.
  package init(
    _ table: PoolTable, _ latency: LatencyKind, _ switches: SwitchTimes? = nil,
    copied: PoolName? = nil
  ) {
    self.table = table
    self.copied = copied.flatMap(table.pools.firstIndex)
    self.latency = latency
    self.switches = switches
  }

  /// A line longer than this is not of the format.
  package static let longestLine = 16 << 10

  /// Counts one line, without its newline; a line of another format counts as unreadable.
  @inline(__always)
  package func parse(_ line: Slice<UnsafeBufferPointer<UInt8>>, into tally: inout LogTally) {
    tally.lines &+= 1
    if !count(LogCursor(line), into: &tally) { tally.unreadable &+= 1 }
  }

  @inline(__always)
  private func count(_ start: LogCursor, into tally: inout LogTally) -> Bool {
    var cursor = start
    let version = cursor.version()
    guard version > 0, let time = cursor.time(), time >= 1_000_000_000_000,
      time < 100_000_000_000_000,
      let generation = cursor.number(), let status = cursor.status()
    else { return false }
    let requestTime = cursor
    guard cursor.skipField() else { return false }
    // One cursor for each list; they step from try to try together.
    var addresses = cursor
    guard cursor.skipField() else { return false }
    var statuses = cursor
    guard cursor.skipField() else { return false }
    var headerTimes = cursor
    guard cursor.skipField() else { return false }
    var responseTimes = cursor
    let moments = Moments(end: time, requestTime: requestTime, responseTimes: cursor)
    let saysMore = version == 2 || version == 4
    guard let more = saysMore ? Self.more(&cursor, isDirect: version == 4) : More(),
      cursor.isLastField
    else { return false }
    if addresses.isAtNothing { return statuses.isAtNothing }
    // Checked before anything is added, so that a line is counted whole or not at all.
    let tries = addresses.listCount()
    guard tries == statuses.listCount(),
      tries == headerTimes.listCount() || version < 3 && headerTimes.isAtNothing,
      tries == responseTimes.listCount()
    else { return false }
    if version == 3 {
      let stage = stage(generation, moments)
      connections(tries, time, stage, status, addresses, statuses, headerTimes, &tally)
      return true
    }
    for index in 0..<tries {
      let address = addresses.item()
      let tried = statuses.item().status
      let header = headerTimes.item().time
      let response = responseTimes.item().time
      let found = table.index(address.bytes)
      let isOther = copied != nil && found != copied
      guard let pool = !more.isCopy ? found : isOther ? nil : found.flatMap({ _ in table.shadow })
      else {
        tally.unattributed &+= 1
        continue
      }
      let spent = more.isStretched ? nil : latency == .response && !more.isLong ? response : header
      // No answer, and no 5xx from Nginx itself: the client went away first (499).
      let isAborted = tried == 0 && status < 500
      let failed = tried >= 500 || tried == 0 || (more.isBroken && index == tries - 1)
      if index == 0 {
        compare(
          pool, time, stage(generation, moments), failed: isAborted ? nil : failed,
          latency: isAborted && !more.isStretched ? response : spent, more.seat, &tally)
        if saysMore { check(more.seat, pool, moments, &tally) }
      }
      if failed { tally.noteFailure(pool, at: time) }
      if tally.servers?.pool == pool, !isAborted {
        tally.servers?.count(address.bytes, failed: failed, milliseconds: spent)
      }
      // No client sees the answer to a copy.
      let isHurt = index == 0 && (status >= 500 || more.isBroken) && !more.isCopy
      tally.add(second: time / 1000, pool: pool) { counts in
        if isHurt { counts.hurt? += 1 }
        if isAborted {
          counts.aborted &+= 1
          return
        }
        counts.count(failed: failed, milliseconds: spent)
      }
    }
    return true
  }

  /// Gives the first try of a request to the judge.
  ///
  /// Only requests that chance put into their pool can be compared; a retry follows a failure.
  @inline(__always)
  private func compare(
    _ pool: Int, _ time: Int64, _ stage: Int?, failed: Bool?, latency: Int64?, _ seat: LoggedSeat,
    _ tally: inout LogTally
  ) {
    tally.compare(
      generation: stage, milliseconds: time, pool: pool, failed: failed, latency: latency,
      isDrawn: seat.way == .drawn && switches?.draws(stage, circle: seat.circle) ?? true)
  }

  /// Counts the tries of a TCP service; a try fails when the connection does not open.
  @inline(never)
  private func connections(
    _ tries: Int, _ time: Int64, _ generation: Int?, _ status: Int, _ addresses: LogCursor,
    _ connects: LogCursor, _ firstBytes: LogCursor, _ tally: inout LogTally
  ) {
    var isFirst = true
    var (addresses, connects, firstBytes) = (addresses, connects, firstBytes)
    for index in 0..<tries {
      let address = addresses.item().bytes
      let connected = connects.item().time
      let firstByte = firstBytes.item().time
      // The relay logs the tries that it makes in lines of its own.
      if table.isRelay(address) { continue }
      guard let pool = table.index(address) else {
        tally.unattributed &+= 1
        continue
      }
      let failed = connected == nil
      let spent = latency == .response ? connected : firstByte
      if index == 0 {
        tally.compare(
          generation: generation, milliseconds: time, pool: pool, failed: failed, latency: spent,
          isDrawn: true)
      }
      let isHurt = isFirst && status >= 500
      isFirst = false
      tally.add(second: time / 1000, pool: pool) { counts in
        counts.count(failed: failed, milliseconds: spent)
        if isHurt { counts.hurt? += 1 }
      }
    }
  }

  /// The fields of a line that tell when its request was drawn; read only where that matters.
  private struct Moments {
    let end: Int64
    let requestTime: LogCursor
    let responseTimes: LogCursor

    /// When the request began; nil: its line does not say.
    var start: Int64? {
      var cursor = requestTime
      return cursor.time().map { end - $0 }
    }

    /// When its first try began at the latest.
    ///
    /// A client that takes its time comes after the tries, and more tries after the first.
    var tried: Int64 {
      var cursor = responseTimes
      return (0..<cursor.listCount()).reduce(end) { sum, _ in sum - (cursor.item().time ?? 0) }
    }
  }

  /// The generation of the stage that a request belongs to; nil: it cannot be told.
  @inline(__always)
  private func stage(_ generation: Int, _ moments: Moments) -> Int? {
    guard let switches else { return generation }
    return moments.start.flatMap { switches.generation(start: $0, tried: moments.tried) }
  }

  /// The fields that only `canary2` and `canary4` lines have.
  private struct More {
    var seat = LoggedSeat(.drawn)
    var isBroken = false
    /// Whether a part of the request came while its server was waiting for it: its times are the
    /// client's as much as the server's.
    var isStretched = false
    /// Whether the answer may have waited for its client, which reads as slowly as it likes: then
    /// only its first byte tells how fast the server is.
    var isLong = false

    var isCopy: Bool { seat.way == .shadow }
  }

  /// Counts a request whose first try went to another pool than its seat says.
  @inline(never)
  private func check(
    _ seat: LoggedSeat, _ pool: Int, _ moments: Moments, _ tally: inout LogTally
  ) {
    guard let switches, let start = moments.start,
      let isMet = switches.meets(seat, start: start)
    else { return }
    tally.check(isMet: isMet, pool, from: start)
  }

  /// The most bytes that the system takes of an answer whose client does not read.
  private static let longestUnread = 16 << 10

  @inline(never)
  private static func more(_ cursor: inout LogCursor, isDirect: Bool) -> More? {
    guard cursor.skipField(), let seat = cursor.seat() else { return nil }
    var more = More(seat: seat)
    guard isDirect else {
      more.isBroken = isFailure(grpc: cursor.rest)
      return more
    }
    let start = cursor
    guard cursor.skipField() else { return nil }
    more.isBroken = isFailure(grpc: start.field)
    guard let begun = cursor.number(), let whole = cursor.number(), let sent = cursor.last() else {
      return nil
    }
    more.isStretched = begun != whole
    more.isLong = sent > longestUnread
    return more
  }

  /// Whether a status of gRPC is a fault of the server, for which a gateway answers with 5xx.
  ///
  /// 2 unknown, 4 deadline exceeded, 8 resource exhausted, 12 unimplemented, 13 internal, 14
  /// unavailable, 15 data loss (grpc.io, `code.proto`).
  private static func isFailure(grpc bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
    switch (bytes.count, bytes.first, bytes.last) {
    case (1, 50?, _), (1, 52?, _), (1, 56?, _): true
    case (2, 49?, let last?): (50...53).contains(last)
    default: false
    }
  }
}
