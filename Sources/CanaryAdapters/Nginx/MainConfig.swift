internal import Glibc

/// The few facts of the user's own nginx.conf that canary needs: read, never written.
package struct MainConfig: Hashable, Sendable {
  package var errorLog: String?
  /// How long old workers may serve their last clients; nil: for ever.
  package var workerShutdownTimeout: String?
  /// Patterns included inside `http {}`, absolute.
  package var httpIncludes: [String] = []
  /// The same inside `stream {}`.
  package var streamIncludes: [String] = []
  /// Modules that are loaded, as they are named.
  package var modules: [String] = []

  /// Reads the file and what it includes; nil when it cannot be read here, as with a container's own file.
  package init?(_ path: String) {
    guard let text = try? Files.read(path) else { return nil }
    read(text, folder: Files.folder(of: path), depth: 0, inside: [])
  }

  /// Whether the generated files of that folder with such an end of their name are included where they belong.
  package func includes(_ folder: String, _ suffix: String = "conf") -> Bool {
    (suffix == "conf" ? httpIncludes : streamIncludes).contains {
      fnmatch($0, "\(folder)/x.\(suffix)", FNM_PATHNAME) == 0
    }
  }

  /// The block that files with such an end of their name belong in.
  package static func block(of suffix: String) -> String { suffix == "conf" ? "http" : "stream" }

  private mutating func read(_ text: String, folder: String, depth: Int, inside: [String]) {
    var blocks = inside
    var words: [String] = []
    var tokens = NginxTokens(text)
    while let token = tokens.next() {
      switch token {
      case .word(let word): words.append(word)
      case .open:
        blocks.append(words.first ?? "")
        words = []
      case .close:
        if blocks.count > inside.count { blocks.removeLast() }
        words = []
      case .end:
        take(words, folder: folder, depth: depth, blocks: blocks)
        words = []
      }
    }
  }

  private mutating func take(_ words: [String], folder: String, depth: Int, blocks: [String]) {
    guard words.count >= 2 else { return }
    switch (words[0], blocks) {
    case ("error_log", []): errorLog = absolute(words[1], folder)
    case ("worker_shutdown_timeout", []): workerShutdownTimeout = words[1]
    case ("load_module", []): modules.append(words[1])
    case ("include", []), ("include", ["http"]), ("include", ["stream"]):
      let pattern = absolute(words[1], folder)
      if blocks == ["http"] { httpIncludes.append(pattern) }
      if blocks == ["stream"] { streamIncludes.append(pattern) }
      // Nginx itself has no bound; a file that includes itself is refused by it with "too many open files".
      guard depth < 8 else { return }
      for file in Self.files(matching: pattern).prefix(2000) {
        if let text = try? Files.read(file) {
          read(text, folder: folder, depth: depth + 1, inside: blocks)
        }
      }
    default: break
    }
  }

  private func absolute(_ path: String, _ folder: String) -> String {
    path.hasPrefix("/") ? path : "\(folder)/\(path)"
  }

  static func files(matching pattern: String) -> [String] {
    var result = glob_t()
    defer { globfree(&result) }
    guard glob(pattern, 0, nil, &result) == 0 else { return [] }
    return (0..<Int(result.gl_pathc)).compactMap { result.gl_pathv[$0].map { String(cString: $0) } }
  }
}

/// The words and marks of an Nginx file.
struct NginxTokens {
  enum Token: Equatable {
    case word(String)
    case open, close, end
  }

  private let bytes: [UInt8]
  private var at = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  mutating func next() -> Token? {
    while at < bytes.count {
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
