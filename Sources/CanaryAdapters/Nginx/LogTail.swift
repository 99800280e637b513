internal import CSystem
internal import CanaryCore
internal import Glibc

/// Looks back into a log, for what was before somebody began to follow it.
enum LogTail {
  /// How much of a log is looked at, from its end.
  private static let longest = 64 << 20

  /// What a pool did between two instants, as far as the end of the log still tells; nothing when it cannot be read.
  static func counts(
    _ path: String, _ parser: LogParser, pool: Name, pools: [Name], from: Instant, to: Instant
  ) -> PoolCounts {
    var tally = LogTally(pools: pools)
    let file = canary_open(path, O_RDONLY | O_NONBLOCK, 0)
    guard file >= 0 else { return PoolCounts() }
    defer { close(file) }
    let size = Int(lseek(file, 0, SEEK_END))
    var offset = max(0, size - longest)
    // In the middle of a line: that one is left out.
    var isWhole = offset == 0
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while offset < size {
      let count = buffer.withUnsafeMutableBytes {
        pread(file, $0.baseAddress, $0.count, off_t(offset))
      }
      guard count > 0 else { break }
      let used = buffer.withUnsafeBufferPointer { bytes -> Int in
        guard let base = bytes.baseAddress else { return 0 }
        var start = 0
        while start < count, let found = memchr(base + start, 10, count - start) {
          let end = UnsafeRawPointer(found) - UnsafeRawPointer(base)
          if isWhole { parser.parse(Slice(base: bytes, bounds: start..<end), into: &tally) }
          isWhole = true
          start = end + 1
        }
        return start
      }
      // A line longer than the buffer is none of ours.
      if used == 0 { isWhole = false }
      offset += used == 0 ? count : used
    }
    return tally.total(pool: pool, from: from.second, through: to.second - 1)
  }
}
