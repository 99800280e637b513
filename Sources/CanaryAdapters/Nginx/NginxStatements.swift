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
  /// The number of the block that it opens, the last of `blocks` of the statements inside; nil
  /// when it opens none, and 0 when that block is too deep to be told apart.
  package let opened: Int?
  /// The line of its `;` or `{`.
  package let endLine: Int
  /// The place of the `include` that read its file; nil in the main file.
  package let via: String?

  package var opensBlock: Bool { opened != nil }
  /// The directive; empty where the file has none.
  package var name: String { words.first ?? "" }
  /// File and line.
  package var place: String { "\(file):\(line)" }

  /// The same place with other words, or those words outside of any block.
  func saying(_ words: [String], outside: Bool = false) -> NginxStatement {
    NginxStatement(
      words: words, blocks: outside ? [] : blocks, file: file, line: line, opened: nil,
      endLine: endLine, via: via)
  }

  /// The statement as a line of a file, without what ends it.
  package var text: String { Self.text(words) }

  /// A whole line of these words.
  package static func line(_ words: [String]) -> String { text(words) + ";" }

  private static func text(_ words: [String]) -> String {
    words.map(quoted).joined(separator: " ")
  }

  /// The word, in quotes where Nginx would read it differently without them.
  private static func quoted(_ word: String) -> String {
    let isPlain =
      !word.isEmpty && !"#\"'".utf8.contains(word.utf8.first ?? 0)
      && word.utf8.allSatisfy { $0 > 32 && !";{}\\".utf8.contains($0) }
    if isPlain { return word }
    var out = "\""
    for scalar in word.unicodeScalars {
      switch scalar {
      case "\"", "\\": out += "\\\(scalar)"
      case "\t": out += "\\t"
      case "\r": out += "\\r"
      case "\n": out += "\\n"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
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
  /// The files of one include.
  private static let mostFiles = 50_000
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
        let isKept = blocks.count < Self.mostBlocks
        if isKept { progress.blocks += 1 }
        take(
          NginxStatement(
            words: words, blocks: blocks, file: file, line: line,
            opened: isKept ? progress.blocks : 0, endLine: tokens.line, via: via))
        if isKept {
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
            words: words, blocks: blocks, file: file, line: line, opened: nil,
            endLine: tokens.line, via: via))
        if words.first == "include", words.count == 2 {
          for path in files(Files.absolute(words[1], in: folder)).prefix(Self.mostFiles) {
            read(path, via: "\(file):\(line)", inside: blocks, &progress, take)
          }
        }
        words = []
      }
    }
  }
}
