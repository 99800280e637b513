internal import Glibc

/// The few facts from your own nginx.conf that canary needs; only reads it.
package struct NginxMainFile: Hashable, Sendable {
  package var errorLog: String?
  /// How long old workers may serve their last clients; nil: without limit.
  package var workerShutdownTimeout: String?
  /// The include patterns inside `http {}`, as absolute paths.
  package var httpIncludes: [String] = []
  /// The include patterns inside `stream {}`, as absolute paths.
  package var streamIncludes: [String] = []
  /// The modules of `load_module`, as written there.
  package var modules: [String] = []

  /// Parses the file and its includes; nil when it cannot be read here, such as a container's.
  ///
  /// Reads nothing in the folder of generated files, of which there may be ten thousand.
  package init?(_ path: String, generated: String) {
    guard Files.isReadable(path) else { return nil }
    var found: [NginxStatement] = []
    let walk = NginxWalk(
      folder: Files.folder(of: path), text: Self.text(of:),
      files: { Files.folder(of: $0) == generated ? [] : Self.files(matching: $0) })
    walk.read(path) { found.append($0) }
    for statement in found { take(statement, walk.folder) }
  }

  /// The text of a file of yours; nil for a generated one, which says none of this.
  private static func text(of path: String) -> String? {
    guard let text = Files.contents(path), !text.hasPrefix("# canary service=") else { return nil }
    return text
  }

  /// Whether generated files of that folder and suffix are included in the block where they belong.
  package func includes(_ folder: String, _ suffix: String = "conf") -> Bool {
    (suffix == "conf" ? httpIncludes : streamIncludes).contains {
      fnmatch($0, "\(folder)/x.\(suffix)", FNM_PATHNAME) == 0
    }
  }

  /// The block in which generated files of that suffix belong.
  package static func block(of suffix: String) -> String { suffix == "conf" ? "http" : "stream" }

  private mutating func take(_ statement: NginxStatement, _ folder: String) {
    let words = statement.words
    guard words.count >= 2, !statement.opensBlock else { return }
    switch (words[0], statement.blocks.map(\.name)) {
    case ("error_log", []): errorLog = Files.absolute(words[1], in: folder)
    case ("worker_shutdown_timeout", []): workerShutdownTimeout = words[1]
    case ("load_module", []): modules.append(words[1])
    case ("include", ["http"]): httpIncludes.append(Files.absolute(words[1], in: folder))
    case ("include", ["stream"]): streamIncludes.append(Files.absolute(words[1], in: folder))
    default: break
    }
  }

  /// Whether a path matches an include pattern.
  static func fits(_ path: String, _ pattern: String) -> Bool {
    path == pattern || fnmatch(pattern, path, FNM_PATHNAME) == 0
  }

  /// The files that match an include pattern, sorted.
  package static func files(matching pattern: String) -> [String] {
    var result = glob_t()
    defer { globfree(&result) }
    guard glob(pattern, 0, nil, &result) == 0 else { return [] }
    return (0..<Int(result.gl_pathc)).compactMap { result.gl_pathv[$0].map { String(cString: $0) } }
  }
}
