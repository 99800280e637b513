// What the newer formats of a line say beside its tries.
extension LogParser {
  /// The fields that only lines from `canary2` on have, but for `canary3`.
  struct More {
    var seat = LoggedSeat(.drawn)
    /// Whether the status of gRPC is a fault of the server, or of what the client asked for.
    var isBroken = false
    var isRejected = false
    /// Whether a part of the request came while its server was waiting for it: its times are the
    /// client's as much as the server's.
    var isStretched = false
    /// Whether the answer may have waited for its client, which reads as slowly as it likes: then
    /// only its first byte tells how fast the server is.
    var isLong = false
    /// The number of the client's connection, as Nginx's error log has it.
    var connection = 0
    /// Whether Nginx has finished the request; a client that leaves ends it before.
    var isFinished = false
    /// The length that the answer names; negative: none.
    var promised: Int64 = -1
    /// Whether the answer has a body by its nature: none to HEAD, none that leads elsewhere.
    var hasBody = false
    /// The list of how many bytes of each answer's body came.
    var lengths = LogCursor.empty

    var isCopy: Bool { seat.way == .shadow }
    /// Whether the line says anything of bodies.
    var saysBody: Bool { connection > 0 }
  }

  /// The most bytes that the system takes of an answer whose client does not read.
  private static let longestUnread = 16 << 10

  /// Reads what follows the tries, to the end of the line; nil for anything else.
  @inline(__always)
  static func more(_ cursor: inout LogCursor, _ version: UInt8) -> More? {
    guard cursor.skipField(), let seat = cursor.seat() else { return nil }
    var more = More()
    more.seat = seat
    let grpc = version == 2 ? cursor.rest : cursor.field
    if !cursor.isAtNothing {
      more.isBroken = isFailure(grpc: grpc)
      more.isRejected = isRejection(grpc: grpc)
    }
    if version == 2 { return cursor.skipLast() ? more : nil }
    guard cursor.skipField() else { return nil }
    if version == 4 || version == 6 {
      guard let begun = cursor.number(), let whole = cursor.number(),
        let sent = version == 4 ? cursor.last() : cursor.number()
      else { return nil }
      more.isStretched = begun != whole
      more.isLong = sent > longestUnread
      if version == 4 { return cursor.skipLast() ? more : nil }
    }
    guard let connection = cursor.number(), connection > 0 else { return nil }
    more.connection = connection
    more.lengths = cursor
    guard cursor.skipField(), let ending = cursor.ending() else { return nil }
    more.isFinished = ending.isFinished
    more.promised = ending.promised
    more.hasBody = ending.hasBody
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

  /// Whether a status of gRPC is one for which a gateway answers with 4xx.
  ///
  /// 3 invalid argument, 5 not found, 6 already exists, 7 permission denied, 9 failed precondition,
  /// 10 aborted, 11 out of range, 16 unauthenticated.
  private static func isRejection(grpc bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
    switch (bytes.count, bytes.first, bytes.last) {
    case (1, 51?, _), (1, 53?, _), (1, 54?, _), (1, 55?, _), (1, 57?, _): true
    case (2, 49?, let last?): last == 48 || last == 49 || last == 54
    default: false
    }
  }
}
