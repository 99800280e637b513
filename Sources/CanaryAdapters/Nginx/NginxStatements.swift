internal import Glibc

/// A block around statements, such as `server` or `location /api/`.
package struct NginxBlock: Hashable, Sendable {
  /// Tells blocks with the same words apart.
  package let number: Int
  package let words: [String]
  package var name: String { words.first ?? "" }
}

/// One directive and its place.
package struct NginxStatement: Hashable, Sendable {
  package let words: [String]
  /// The blocks around it, outermost first.
  package let blocks: [NginxBlock]
  package let file: String
  package let line: Int
  /// Whether it opens a block, which is then the last of `blocks` of the statements inside.
  package let opensBlock: Bool
  /// The place of the `include` that read its file; nil in the main file.
  package let via: String?

  /// File and line.
  package var place: String { "\(file):\(line)" }
}

/// Parses an Nginx configuration statement by statement, following includes where they stand.
struct NginxWalk {
  /// The folder that relative paths start from.
  let folder: String
  /// The text of a file; nil when it cannot be read.
  let text: (String) -> String?
  /// The files that match an include pattern.
  let files: (String) -> [String]

  /// The deepest include.
  ///
  /// Nginx has no such limit: it refuses a file that includes itself with "too many open files".
  private static let deepest = 8
  /// Files that include each other many times over would otherwise grow beyond any memory.
  private static let mostBytes = 32 << 20
  /// No directive of Nginx is allowed deeper; each statement keeps the blocks around it.
  private static let mostBlocks = 64

  /// How far a walk has come.
  private struct Progress {
    var blocks = 0
    var bytes = 0
    /// The files that are being read, each included by the one before.
    var open: [String] = []
  }

  func read(_ file: String, _ take: (NginxStatement) -> Void) {
    var progress = Progress()
    read(file, via: nil, inside: [], &progress, take)
  }

  private func read(
    _ file: String, via: String?, inside: [NginxBlock], _ progress: inout Progress,
    _ take: (NginxStatement) -> Void
  ) {
    guard progress.open.count <= Self.deepest, !progress.open.contains(file),
      progress.bytes < Self.mostBytes, let text = text(file)
    else { return }
    progress.bytes += text.utf8.count
    progress.open.append(file)
    defer { progress.open.removeLast() }
    var blocks = inside
    var unkept = 0
    var words: [String] = []
    var line = 1
    var tokens = NginxTokens(text)
    while let token = tokens.next() {
      switch token {
      case .word(let word):
        if words.isEmpty { line = tokens.line }
        words.append(word)
      case .open:
        take(
          NginxStatement(
            words: words, blocks: blocks, file: file, line: line, opensBlock: true, via: via))
        if blocks.count < Self.mostBlocks {
          progress.blocks += 1
          blocks.append(NginxBlock(number: progress.blocks, words: words))
        } else {
          unkept += 1
        }
        words = []
      case .close:
        if unkept > 0 {
          unkept -= 1
        } else if blocks.count > inside.count {
          blocks.removeLast()
        }
        words = []
      case .end:
        take(
          NginxStatement(
            words: words, blocks: blocks, file: file, line: line, opensBlock: false, via: via))
        if words.first == "include", words.count == 2 {
          for path in files(Files.absolute(words[1], in: folder)).prefix(2000) {
            read(path, via: "\(file):\(line)", inside: blocks, &progress, take)
          }
        }
        words = []
      }
    }
  }
}

/// The words and punctuation of an Nginx file.
struct NginxTokens {
  enum Token: Equatable {
    case word(String)
    case open, close, end
  }

  private let bytes: [UInt8]
  private var at = 0
  /// The line, from 1, in which the last token starts.
  private(set) var line = 1
  private var counted = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  private mutating func countLines() {
    for index in counted..<at where bytes[index] == 10 { line += 1 }
    counted = at
  }

  mutating func next() -> Token? {
    while at < bytes.count {
      countLines()
      switch bytes[at] {
      case 9, 10, 13, 32: at += 1
      case UInt8(ascii: "#"): while at < bytes.count, bytes[at] != 10 { at += 1 }
      case UInt8(ascii: "{"): return mark(.open)
      case UInt8(ascii: "}"): return mark(.close)
      case UInt8(ascii: ";"): return mark(.end)
      case UInt8(ascii: "\""), UInt8(ascii: "'"): return .word(quoted(bytes[at]))
      default: return .word(plain())
      }
    }
    return nil
  }

  private mutating func mark(_ token: Token) -> Token {
    at += 1
    return token
  }

  private mutating func quoted(_ quote: UInt8) -> String {
    at += 1
    var out: [UInt8] = []
    while at < bytes.count, bytes[at] != quote {
      if bytes[at] == UInt8(ascii: "\\"), at + 1 < bytes.count { at += 1 }
      out.append(bytes[at])
      at += 1
    }
    at += 1
    return String(decoding: out, as: UTF8.self)
  }

  private mutating func plain() -> String {
    let start = at
    while at < bytes.count, ![9, 10, 13, 32, 59, 123, 125].contains(bytes[at]) {
      // `${name}` is part of a word.
      if bytes[at] == UInt8(ascii: "$"), at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "{") {
        while at < bytes.count, bytes[at] != UInt8(ascii: "}") { at += 1 }
      }
      at += 1
    }
    at = min(at, bytes.count)
    return String(decoding: bytes[start..<at], as: UTF8.self)
  }
}
