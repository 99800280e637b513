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
/// answer's body was sent. `canary5` is `canary2` and `canary6` is `canary4` with three more: the
/// number of the client's connection, a list of how many bytes of each answer's body came, and
/// whether Nginx has finished the request, with what the answer promised (`OK:5000`). One that begins
/// with `canary3` is of a TCP service: its lists are addresses, times to connect, to the first byte,
/// and to the end.
package struct LogParser: Sendable {
  let table: PoolTable
  let latency: LatencyKind
  let switches: SwitchTimes?
  /// The index of the pool whose copies count; nil: of any.
  let copied: Int?

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
    guard version != 3, let one = cursor.single() else {
      let facts = Facts(
        version: version, time: time, generation: generation, status: status,
        moments: Moments(end: time, requestTime: requestTime, responseTimes: cursor), more: More())
      return countEach(cursor, facts, into: &tally)
    }
    // Most requests are tried once: no list has to be walked through.
    var after = one.next
    guard let more = version == 1 ? More() : Self.more(&after, version), after.isAtEnd else {
      return false
    }
    var bytes: Int64 = -1
    if version >= 5 {
      var lengths = more.lengths
      guard lengths.listCount() == 1 else { return false }
      bytes = lengths.item().number
    }
    let facts = Facts(
      version: version, time: time, generation: generation, status: status,
      moments: Moments(end: time, requestTime: requestTime, responseTimes: one.responseTimes),
      more: more)
    record(
      Try(
        found: table.index(hash: one.address), hash: one.address, status: one.status,
        header: one.header < 0 ? nil : one.header, response: one.response < 0 ? nil : one.response,
        bytes: bytes, isFirst: true, isLast: true), facts, &tally)
    return true
  }

  /// Counts a line with several tries, with none, or with anything that is unusual.
  @inline(never)
  private func countEach(_ start: LogCursor, _ facts: Facts, into tally: inout LogTally) -> Bool {
    var (cursor, facts) = (start, facts)
    // One cursor for each list; they step from try to try together.
    var addresses = cursor
    guard cursor.skipField() else { return false }
    var statuses = cursor
    guard cursor.skipField() else { return false }
    var headerTimes = cursor
    guard cursor.skipField() else { return false }
    var responseTimes = cursor
    facts.moments = Moments(
      end: facts.time, requestTime: facts.moments.requestTime, responseTimes: cursor)
    let version = facts.version
    if facts.saysMore {
      guard let more = Self.more(&cursor, version), cursor.isAtEnd else { return false }
      facts.more = more
    } else if !cursor.isLastField {
      return false
    }
    if addresses.isAtNothing { return statuses.isAtNothing }
    // Checked before anything is added, so that a line is counted whole or not at all.
    let tries = addresses.listCount()
    var lengths = facts.more.lengths
    guard tries == statuses.listCount(),
      tries == headerTimes.listCount() || version != 3 && headerTimes.isAtNothing,
      tries == responseTimes.listCount(), version < 5 || tries == lengths.listCount()
    else { return false }
    if version == 3 {
      connections(
        tries, facts.time, stage(facts), facts.status, addresses, statuses, headerTimes, &tally)
      return true
    }
    for index in 0..<tries {
      let hash = AddressHash.of(addresses.item().bytes)
      record(
        Try(
          found: table.index(hash: hash), hash: hash, status: statuses.item().status,
          header: headerTimes.item().time, response: responseTimes.item().time,
          bytes: version >= 5 ? lengths.item().number : -1, isFirst: index == 0,
          isLast: index == tries - 1), facts, &tally)
    }
    return true
  }

  /// Counts one try for its pool, and gives the first one of a request to the judge.
  @inline(__always)
  private func record(_ one: Try, _ facts: Facts, _ tally: inout LogTally) {
    let more = facts.more
    let isOther = copied != nil && one.found != copied
    guard
      let pool = !more.isCopy
        ? one.found : isOther ? nil : one.found.flatMap({ _ in table.shadow })
    else {
      tally.unattributed &+= 1
      return
    }
    let spent =
      more.isStretched ? nil : latency == .response && !more.isLong ? one.response : one.header
    // No answer, and no 5xx from Nginx itself: the client went away first (499).
    let isAborted = one.status == 0 && facts.status < 500
    let isCut = one.isLast && more.saysBody && isCut(one, more, &tally)
    let failed = one.status >= 500 || one.status == 0 || one.isLast && (more.isBroken || isCut)
    let answer = answer(one, facts, isCut: isCut)
    let waited = more.isStretched ? nil : one.response
    if one.isFirst {
      // Only requests that chance put into their pool can be compared; a retry follows a failure.
      let stage = stage(facts)
      tally.compare(
        generation: stage, milliseconds: facts.time, pool: pool, failed: isAborted ? nil : failed,
        latency: isAborted ? waited : spent,
        isDrawn: more.seat.way == .drawn
          && switches?.draws(stage, circle: more.seat.circle) ?? true,
        answer: answer)
      if facts.saysMore, switches != nil { check(more.seat, pool, facts.moments, &tally) }
    }
    if failed { tally.noteFailure(pool, at: facts.time) }
    if tally.servers?.pool == pool, !isAborted {
      tally.servers?.count(hash: one.hash, failed: failed, milliseconds: spent)
    }
    // No client sees the answer to a copy.
    let isHurt = one.isFirst && (facts.status >= 500 || more.isBroken || isCut) && !more.isCopy
    tally.add(second: facts.time / 1000, pool: pool) { counts in
      if isHurt { counts.hurt? += 1 }
      if isAborted {
        counts.aborted &+= 1
        if let waited, answer.signs.contains(.abandoned) {
          counts.waits.record(milliseconds: waited)
        }
        return
      }
      counts.count(failed: failed, milliseconds: spent)
      if !answer.signs.isEmpty { counts.note(answer.signs) }
    }
  }

  /// What one try says of its answer.
  @inline(__always)
  private func answer(_ one: Try, _ facts: Facts, isCut: Bool) -> Answer {
    var answer = Answer()
    switch one.status {
    case 200..<300:
      if isCut {
        answer.signs = .cutOff
      } else if one.isLast, facts.more.isRejected {
        answer.signs = .rejected
      } else if one.bytes >= 0, facts.more.hasBody {
        // Without a length it came in chunks, the last of which is 5 bytes for nothing.
        answer.size = facts.more.promised < 0 ? max(0, one.bytes - 5) : one.bytes
      }
    case 300..<400: if one.status != 304 { answer.signs = .redirected }
    case 400..<500: answer.signs = .rejected
    case 0: if facts.status == 499 { answer.signs = .abandoned }
    default: break
    }
    return answer
  }

  /// Whether less came than the answer promised, by its length or by Nginx's error log.
  ///
  /// A client that leaves ends an answer as well, but then Nginx has not finished the request.
  @inline(__always)
  private func isCut(_ one: Try, _ more: More, _ tally: inout LogTally) -> Bool {
    guard more.isFinished, (200..<300).contains(one.status) else { return false }
    if more.promised > 0, one.bytes >= 0, one.bytes < more.promised, one.status != 204 {
      return true
    }
    return tally.cutConnections.isEmpty ? false : tally.takeCut(more.connection)
  }

  /// The fields of a line that tell when its request was drawn; read only where that matters.
  struct Moments {
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
  private func stage(_ facts: Facts) -> Int? {
    guard let switches else { return facts.generation }
    let moments = facts.moments
    return moments.start.flatMap { switches.generation(start: $0, tried: moments.tried) }
  }

  /// What a line says of its request.
  struct Facts {
    let version: UInt8
    let time: Int64
    let generation: Int
    let status: Int
    var moments: Moments
    var more: More

    var saysMore: Bool { version == 2 || version >= 4 }
  }

  /// What a line says of one try.
  struct Try {
    let found: Int?
    /// Of the server's address.
    let hash: UInt64
    let status: Int
    let header: Int64?
    let response: Int64?
    /// Bytes of the answer's body; negative: the line does not say.
    let bytes: Int64
    let isFirst: Bool
    let isLast: Bool
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
}
