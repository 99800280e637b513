internal import CSystem
internal import Glibc

/// Reads the lines that a log file has now.
package enum LogFile {
  /// Passes every whole line to `take`; false when the file cannot be opened or read.
  ///
  /// With `last`, only those in that many bytes at the end, without the first, which may be cut.
  @discardableResult
  package static func lines(
    _ path: String, last: Int? = nil, _ take: (Slice<UnsafeBufferPointer<UInt8>>) -> Void
  ) -> Bool {
    let file = canary_open(path, O_RDONLY | O_NONBLOCK, 0)
    guard file >= 0 else { return false }
    defer { close(file) }
    let size = Int(lseek(file, 0, SEEK_END))
    var offset = max(0, size - (last ?? size))
    var isWhole = offset == 0
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while offset < size {
      let count = buffer.withUnsafeMutableBytes {
        pread(file, $0.baseAddress, $0.count, off_t(offset))
      }
      guard count > 0 else { return count == 0 }
      let used = buffer.withUnsafeBufferPointer { bytes -> Int in
        guard let base = bytes.baseAddress else { return 0 }
        var start = 0
        while start < count, let found = memchr(base + start, 10, count - start) {
          let end = UnsafeRawPointer(found) - UnsafeRawPointer(base)
          if isWhole { take(Slice(base: bytes, bounds: start..<end)) }
          isWhole = true
          start = end + 1
        }
        return start
      }
      // A line longer than the buffer is not one of Nginx's: skip it.
      if used == 0 { isWhole = false }
      offset += used == 0 ? count : used
    }
    return true
  }
}
