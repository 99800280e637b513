internal import CanaryCore
internal import Glibc

/// What Nginx has logged since it was told to reload.
///
/// Only an `[emerg]` of the master that was told says that it refuses. Anything else may be a
/// stranger's: a scanner, a crashed worker, another instance that logs to the same file.
struct ReloadLog {
  /// The refusals of the master, in the order of the log.
  private var refusals: [String] = []
  /// Other lines above `error`.
  private var others: [String] = []
  private let path: String?
  /// By the numbers that they log: in a container, those of its own namespace.
  private let masters: Set<Int32>
  private var offset: Int
  private var rest: [UInt8] = []

  /// More lines than these tell nothing more.
  private static let most = 20

  /// `path` nil: there is no such file, or it cannot be read here.
  init(_ path: String?, masters: Set<Int32>) {
    self.path = path
    self.masters = masters
    offset = path.flatMap(Files.size) ?? 0
  }

  /// Reads what has come since the last look.
  mutating func look() {
    guard let path else { return }
    // A rotated log begins anew.
    if let size = Files.size(of: path), size < offset { (offset, rest) = (0, []) }
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { return }
    defer { close(file) }
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    // A busy log must not hold up a reload: what is left over is read at the next look.
    let count = pread(file, &buffer, buffer.count, off_t(offset))
    guard count > 0 else { return }
    offset += count
    let text = rest + buffer[..<count]
    let end = text.lastIndex(of: 10).map { $0 + 1 } ?? 0
    for line in text[..<end].split(separator: 10) { take(String(decoding: line, as: UTF8.self)) }
    // A line of Nginx is shorter than this.
    rest = Array(text[end...].suffix(64 << 10))
  }

  /// A line such as `2026/11/21 02:56:07 [emerg] 17#17: host not found …`.
  ///
  /// Only what stands at its beginning is Nginx's: a request may say anything further on.
  private mutating func take(_ line: String) {
    let words = line.split(separator: " ", maxSplits: 3).map(String.init)
    guard words.count == 4, ["[emerg]", "[alert]", "[crit]"].contains(words[2]) else { return }
    let pid = Int32(words[3].prefix { $0 != "#" })
    if words[2] == "[emerg]", let pid, masters.contains(pid) {
      if refusals.count < Self.most { refusals.append(line) }
    } else if others.count < Self.most {
      others.append(line)
    }
  }

  /// Why Nginx refuses; nil: it has not said so.
  var refusal: String? { Self.words(refusals) }

  /// What may be why; nil: nothing was logged.
  var hint: String? { refusal ?? Self.words(others) }

  private static func words(_ lines: [String]) -> String? {
    lines.isEmpty ? nil : NginxOutput.faults(in: lines.joined(separator: "\n"))
  }
}
