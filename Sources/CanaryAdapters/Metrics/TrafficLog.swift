internal import CZlib
package import CanaryCore
internal import Glibc

/// Counts requests by minute from whole access logs, plain or gzipped.
package struct TrafficLog {
  package private(set) var traffic = Traffic()
  /// Faults of single files, for you to read.
  package private(set) var notes: [String] = []
  private var parser: TrafficParser

  /// Counts nothing that is later than a day after `now`.
  package init(now: Instant) { parser = TrafficParser(now: now) }

  /// Every offset from UTC found in lines so far, in minutes.
  package var offsets: Set<Int> { parser.offsets }

  private static let chunk = 1 << 20
  /// The longest line in bytes; a longer one counts as unreadable.
  private static let longest = 1 << 20

  /// Reads a file to its end; throws when it cannot be opened.
  ///
  /// A damaged or unreadable one adds a note.
  package mutating func read(_ path: String) throws(FileError) {
    guard !Files.isFolder(path) else { throw FileError("cannot read", path, code: EISDIR) }
    // A pipe ends with its writer; /dev/zero never does.
    guard !Files.isDevice(path) else {
      throw FileError(device: path)
    }
    // `gzopen` reads plain files as they are.
    guard Files.isReadable(path), let file = gzopen(path, "rb") else {
      throw FileError("cannot read", path)
    }
    gzbuffer(file, 1 << 18)
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Self.longest + Self.chunk, alignment: 1)
    defer { buffer.deallocate() }
    var kept = 0
    let before = traffic.lines
    while true {
      let count = gzread(
        file, buffer.baseAddress.map { $0 + kept }, UInt32(Self.chunk))
      guard count > 0 else { break }
      kept = take(UnsafeRawBufferPointer(rebasing: buffer[..<(kept + Int(count))]), buffer)
    }
    // Only at its end is it known whether a compressed file was whole.
    var fault: Int32 = 0
    _ = gzerror(file, &fault)
    if gzclose(file) != Z_OK || fault < 0 {
      notes.append("\(path): it is cut short or damaged; what came before that was read")
    }
    // The last line of a log that is being written may lack its line feed.
    if kept > 0 { take(line: UnsafeRawBufferPointer(rebasing: buffer[..<kept])) }
    traffic.close()
    if traffic.lines == before {
      notes.append("\(path): no line in it could be read")
    }
  }

  /// Counts all whole lines, moves the rest to the front of `buffer`, and returns the length of the
  /// rest.
  private mutating func take(
    _ bytes: UnsafeRawBufferPointer, _ buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    guard let base = bytes.baseAddress else { return 0 }
    var start = 0
    while start < bytes.count, let end = memchr(base + start, 10, bytes.count - start) {
      let length = UnsafeRawPointer(end) - (base + start)
      take(line: UnsafeRawBufferPointer(start: base + start, count: length))
      start += length + 1
    }
    let rest = bytes.count - start
    if rest > Self.longest {
      traffic.unreadable += 1
      return 0
    }
    if rest > 0, let target = buffer.baseAddress { memmove(target, base + start, rest) }
    return rest
  }

  private mutating func take(line: UnsafeRawBufferPointer) {
    if line.isEmpty { return }
    if let found = parser.parse(line) { traffic.add(found) } else { traffic.unreadable += 1 }
  }
}
