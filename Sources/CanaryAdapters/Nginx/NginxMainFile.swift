package import CanaryCore
internal import Glibc

/// The few facts from your own nginx.conf that canary needs; only reads it.
package struct NginxMainFile: Hashable, Sendable {
  package var errorLog: String?
  /// Every error log that is a file, of whichever block.
  package var errorLogs: [String] = []
  /// The places of error logs that are no file, so nobody can read them here, with what they say.
  package var unreadableErrorLogs: [String] = []
  /// The file with the pid of the master, where the file names one.
  package var pidFile: String?
  /// How long old workers may serve their last clients; nil: without limit.
  package var workerShutdownTimeout: String?
  /// How often Nginx reads the clock; nil: whenever it wakes up.
  package var timerResolution: Span?
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
    guard let text = try? Files.read(path),
      !text.hasPrefix("# canary service=")
    else { return nil }
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
    if words[0] == "error_log", !["stderr", "/dev/null"].contains(words[1]),
      !words[1].hasPrefix("syslog:"), !words[1].hasPrefix("memory:")
    {
      let path = Files.absolute(words[1], in: folder)
      if !errorLogs.contains(path) { errorLogs.append(path) }
    }
    if words[0] == "error_log",
      words[1] == "stderr" || words[1].hasPrefix("syslog:") || words[1].hasPrefix("memory:")
    {
      unreadableErrorLogs.append("\(statement.text); at \(statement.place)")
    }
    switch (words[0], statement.blocks.map(\.name)) {
    case ("error_log", []): errorLog = Files.absolute(words[1], in: folder)
    case ("pid", []): pidFile = Files.absolute(words[1], in: folder)
    case ("worker_shutdown_timeout", []): workerShutdownTimeout = words[1]
    case ("timer_resolution", []): timerResolution = Self.span(words[1])
    case ("load_module", []): modules.append(words[1])
    case ("include", ["http"]): httpIncludes.append(Files.absolute(words[1], in: folder))
    case ("include", ["stream"]): streamIncludes.append(Files.absolute(words[1], in: folder))
    default: break
    }
  }

  /// A time as Nginx writes it, such as `100ms` or `1m30s`; a bare number is seconds.
  static func span(_ text: String) -> Span? {
    let units: [(String, Int64)] = [
      ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]
    var (left, sum) = (text[...], Int64(0))
    while !left.isEmpty {
      let digits = left.prefix { $0.isNumber }
      guard let number = Int64(digits), number < 1 << 31 else { return nil }
      left = left.dropFirst(digits.count)
      let unit = left.isEmpty ? ("", 1000) : units.first { left.hasPrefix($0.0) }
      guard let unit else { return nil }
      sum += number * unit.1
      left = left.dropFirst(unit.0.count)
    }
    return text.isEmpty ? nil : Span(milliseconds: sum)
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
