internal import CanaryCore
internal import Glibc

/// Follows Nginx's error logs for answers that ended before their end.
///
/// An answer in chunks names no length: Nginx logs it with 200 and as finished, and says in its
/// error log alone that a server "prematurely closed" it. The number of the client's connection
/// stands in both. The logs are yours, and only read: none is written or moved for this.
///
/// Not thread-safe.
final class CutOffLog {
  private struct Followed {
    var path: String
    var inode: UInt64
    var offset: Int64
  }
  private var files: [Followed]
  /// How many answers were cut off on a connection, and are not met in the access log yet.
  var connections: [Int: Int] = [:]

  /// More than this is left of lines that no access log has; numbers never come again.
  private static let most = 10_000
  /// A log that has grown by more since the last look is read from there on.
  private static let longest: Int64 = 4 << 20

  /// Starts at the end of each log.
  init(_ paths: [String]) {
    files = paths.map { path in
      var facts = stat()
      let isThere = stat(path, &facts) == 0
      return Followed(
        path: path, inode: isThere ? UInt64(facts.st_ino) : 0,
        offset: isThere ? Int64(facts.st_size) : 0)
    }
  }

  /// Reads what was written since the last look; what cannot be read says nothing.
  func poll() {
    if connections.count > Self.most { connections = [:] }
    for index in files.indices { read(&files[index]) }
  }

  private func read(_ followed: inout Followed) {
    var facts = stat()
    guard stat(followed.path, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else { return }
    let size = Int64(facts.st_size)
    if UInt64(facts.st_ino) != followed.inode || size < followed.offset {
      followed.inode = UInt64(facts.st_ino)
      followed.offset = 0
    }
    guard size > followed.offset else { return }
    followed.offset = max(followed.offset, size - Self.longest)
    let file = open(followed.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard file >= 0 else { return }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: Int(size - followed.offset))
    let count = pread(file, &bytes, bytes.count, off_t(followed.offset))
    guard count > 0, let last = bytes[..<count].lastIndex(of: 10) else { return }
    followed.offset += Int64(last + 1)
    for line in bytes[..<last].split(separator: 10) {
      guard let connection = Self.connection(line) else { continue }
      connections[connection, default: 0] += 1
    }
  }

  /// The connection of an answer that a line says was cut off; nil: it says something else.
  ///
  /// `2026/11/27 05:14:56 [error] 7#7: *55 upstream prematurely closed connection while reading
  /// upstream, client: …`. What a client can write stands behind a quotation mark.
  static func connection(_ line: ArraySlice<UInt8>) -> Int? {
    // Behind the time stands the level: error, crit or alert.
    guard line.count > 40, line[line.startIndex + 20] == 91,
      [101, 99, 97].contains(line[line.startIndex + 21])
    else { return nil }
    let text = String(decoding: line, as: UTF8.self)
    guard let client = text.firstRange(of: ", client: ") else { return nil }
    let head = text[..<client.lowerBound]
    let words = head.split(separator: " ", maxSplits: 5)
    guard words.count == 6, ["[error]", "[crit]", "[alert]"].contains(words[2]),
      words[3].hasSuffix(":"), words[4].hasPrefix("*"), !words[5].contains("\""),
      words[5].hasSuffix(" while reading upstream")
    else { return nil }
    return Int(words[4].dropFirst())
  }
}
