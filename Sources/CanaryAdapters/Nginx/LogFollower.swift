internal import CSystem
package import CanaryCore
package import CanaryDriver
internal import Glibc

/// Reads a log as it grows, through rotation by rename or by copytruncate.
///
/// Not thread-safe.
package final class LogFollower {
  private final class OpenFile {
    let file: CInt
    let device: UInt64
    let inode: UInt64
    /// The offset of the first byte that is not counted yet; always the start of a line.
    var offset: Int64
    /// Whether reading is inside of a line that is too long and is skipped.
    var isSkipping = false
    /// When something was last read from the file.
    var heard = SystemClock.now

    init(file: CInt, facts: stat, offset: Int64) {
      self.file = file
      device = UInt64(facts.st_dev)
      inode = UInt64(facts.st_ino)
      self.offset = offset
    }
    deinit { close(file) }
    /// When the file was last written to, in nanoseconds since 1970.
    var changed: Int64 {
      var facts = stat()
      guard fstat(file, &facts) == 0 else { return 0 }
      return Int64(facts.st_mtim.tv_sec) * 1_000_000_000 + Int64(facts.st_mtim.tv_nsec)
    }
    var position: LogPosition { LogPosition(device: device, inode: inode, offset: offset) }
  }

  private let path: String
  package var parser: LogParser
  private var current: OpenFile?
  /// Files that were renamed by rotation: workers that have not reopened their logs still write to
  /// them.
  private var leaving: [OpenFile] = []

  /// How long after its last new bytes a renamed file is still read.
  private static let patience = Span.seconds(5)

  /// Where to start reading.
  package enum Start: Sendable {
    case beginning
    /// The present end of the log.
    case end
    /// Where the last reader stopped.
    case positions([LogPosition])
  }

  package init(path: String, parser: LogParser, from start: Start) {
    self.path = path
    self.parser = parser
    guard case .positions(let positions) = start else {
      let isEnd = if case .end = start { true } else { false }
      current = Self.open(path) { isEnd ? Int64($0.st_size) : 0 }
      return
    }
    for file in Self.siblings(of: path) {
      guard
        let opened = Self.open(
          file,
          { facts in
            positions.first {
              $0.device == UInt64(facts.st_dev) && $0.inode == UInt64(facts.st_ino)
            }?.offset
          })
      else { continue }
      if file == path { current = opened } else { leaving.append(opened) }
    }
    if current == nil {
      takeMissed()
      current = Self.open(path) { _ in 0 }
    }
  }

  /// Adds files that were created and renamed since the newest known one: two rotations between two
  /// polls.
  private func takeMissed() {
    let known = leaving + (current.map { [$0] } ?? [])
    guard let newest = known.map(\.changed).max() else { return }
    for file in Self.siblings(of: path) where file != path {
      guard let opened = Self.open(file, { _ in 0 }), opened.changed >= newest,
        !known.contains(where: { $0.inode == opened.inode && $0.device == opened.device })
      else { continue }
      leaving.append(opened)
    }
  }

  /// The log, and the files that rotation made of it, except for compressed ones.
  private static func siblings(of path: String) -> [String] {
    [path] + NginxMainFile.files(matching: path + "?*").filter { !$0.hasSuffix(".gz") }
  }

  /// Opens a regular file at the offset that the closure chooses; nil when it cannot, or the
  /// closure returns nil.
  private static func open(_ path: String, _ offset: (stat) -> Int64?) -> OpenFile? {
    let file = canary_open(path, O_RDONLY | O_NONBLOCK, 0)
    guard file >= 0 else { return nil }
    var facts = stat()
    guard fstat(file, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, let start = offset(facts)
    else {
      close(file)
      return nil
    }
    return OpenFile(file: file, facts: facts, offset: start)
  }

  /// How far each file was read; save these together with the counts, which cover exactly those
  /// lines.
  package var positions: [LogPosition] { (leaving + (current.map { [$0] } ?? [])).map(\.position) }

  /// Counts every whole line since the last poll; throws when the log exists but cannot be read.
  package func poll(into tally: inout LogTally) throws(FileError) {
    if !leaving.isEmpty {
      for file in leaving { try read(file, into: &tally) }
      leaving.removeAll { SystemClock.now - $0.heard > Self.patience }
    }
    var facts = stat()
    let isThere = stat(path, &facts) == 0
    if let current {
      // Usually the name still leads to the open file: then one `stat` answers both questions.
      if isThere, current.inode == UInt64(facts.st_ino), current.device == UInt64(facts.st_dev) {
        return try read(current, upTo: Int64(facts.st_size), into: &tally)
      }
      try read(current, into: &tally)
    }
    guard isThere else { return }
    guard let next = Self.open(path, { _ in 0 }) else {
      if !Files.isReadable(path) { throw FileError("cannot read", path) }
      let kind = facts.st_mode & S_IFMT
      if kind != S_IFREG { throw FileError(notRegular: path, isFolder: kind == S_IFDIR) }
      return
    }
    takeMissed()
    if let current {
      current.heard = SystemClock.now
      leaving.append(current)
    }
    current = next
    for file in leaving + [next] { try read(file, into: &tally) }
  }

  private func read(_ open: OpenFile, into tally: inout LogTally) throws(FileError) {
    var facts = stat()
    guard fstat(open.file, &facts) == 0 else { throw FileError("cannot read", path) }
    try read(open, upTo: Int64(facts.st_size), into: &tally)
  }

  /// Reads up to `size` only: a log that grows faster than it is read must not hold the caller for
  /// ever.
  private func read(_ open: OpenFile, upTo size: Int64, into tally: inout LogTally)
    throws(FileError)
  {
    if size < open.offset {
      // copytruncate: the file starts again.
      open.offset = 0
      open.isSkipping = false
    }
    guard open.offset < size else { return }
    // Allocated each time: a controller follows the logs of all rollouts, and most polls find
    // nothing.
    let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 32 << 10)
    defer { buffer.deallocate() }
    while open.offset < size {
      let count = pread(open.file, buffer.baseAddress, buffer.count, off_t(open.offset))
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw FileError("cannot read", path) }
      if count == 0 { return }
      open.heard = SystemClock.now
      let used = consume(UnsafeBufferPointer(rebasing: buffer[..<count]), open, into: &tally)
      if used == 0 { return }
      open.offset += Int64(used)
    }
  }

  /// Counts the whole lines in `bytes`; returns how many bytes need not be read again.
  private func consume(
    _ bytes: UnsafeBufferPointer<UInt8>, _ open: OpenFile, into tally: inout LogTally
  ) -> Int {
    guard let base = bytes.baseAddress else { return 0 }
    var start = 0
    while start < bytes.count, let found = memchr(base + start, 10, bytes.count - start) {
      let end = UnsafeRawPointer(found) - UnsafeRawPointer(base)
      if open.isSkipping {
        open.isSkipping = false
      } else if end - start > LogParser.longestLine {
        tally.lines += 1
        tally.unreadable += 1
      } else {
        parser.parse(Slice(base: bytes, bounds: start..<end), into: &tally)
      }
      start = end + 1
    }
    if open.isSkipping { return bytes.count }
    if bytes.count - start > LogParser.longestLine {
      // A line that is too long counts once, as unreadable, and is skipped.
      open.isSkipping = true
      tally.lines += 1
      tally.unreadable += 1
      return bytes.count
    }
    return start
  }
}
