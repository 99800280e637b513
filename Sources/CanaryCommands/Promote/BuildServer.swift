internal import CanaryAdapters
package import CanaryCore

/// The build server whose job prints this log, and its marks around the lines.
///
/// What a server reads as a command is written here alone. A text of others never is one: it stands
/// on one line after a time, and what could begin a command is taken from it.
package struct BuildServer: Sendable {
  package enum Kind: Hashable, Sendable { case gitHub, gitLab }
  package let kind: Kind?
  /// What annotations are called.
  private let title: String
  /// The group that is open.
  private var open: String?

  /// The server that these variables tell of; where it is none, lines stay as they are.
  package init(_ environment: [String: String], service: ServiceName) {
    title = "canary promote \(service)"
    kind = Self.kind(environment)
  }

  private static func kind(_ environment: [String: String]) -> Kind? {
    if environment["GITHUB_ACTIONS"] == "true" { return .gitHub }
    return environment["GITLAB_CI"] == "true" ? .gitLab : nil
  }

  /// A line to print: a text in which nothing is a command, or a command of the server.
  package enum Line: Hashable, Sendable { case text(String), mark(String) }

  /// The lines to print for an item.
  package mutating func lines(_ item: PipelineLog.Item, at now: Instant) -> [Line] {
    let text = Line.text(item.text)
    switch item.mark {
    case .plain: return [text]
    case .begins(let stage, let title): return close(now) + begin(stage, title, now) + [text]
    case .ends: return [text] + close(now)
    case .left: return close(now) + [text]
    case .warning: return [text] + annotation("warning", item.text)
    case .error: return close(now) + [text] + annotation("error", item.text)
    }
  }

  private mutating func begin(_ stage: Int, _ title: String, _ now: Instant) -> [Line] {
    // A name for each rollout and stage, as a log may have several.
    let section = "canary_\(now.second)_\(stage)"
    switch kind {
    case nil: return []
    case .gitHub:
      open = section
      return [.mark("::group::\(Self.data(title))")]
    case .gitLab:
      open = section
      return [.mark("\u{1B}[0Ksection_start:\(now.second):\(section)\r\u{1B}[0K\(title)")]
    }
  }

  /// Ends the group that is open, if one is.
  private mutating func close(_ now: Instant) -> [Line] {
    guard let section = open else { return [] }
    open = nil
    return kind == .gitHub
      ? [.mark("::endgroup::")]
      : [.mark("\u{1B}[0Ksection_end:\(now.second):\(section)\r\u{1B}[0K")]
  }

  /// An annotation, for a server that has them.
  private func annotation(_ level: String, _ text: String) -> [Line] {
    guard kind == .gitHub else { return [] }
    // Without the time: an annotation has one of its own.
    let told = String(text.dropFirst(8).drop { $0 == " " })
    return [.mark(Self.command(level, title: title, told))]
  }

  /// An annotation as GitHub's toolkit writes it.
  package static func command(_ level: String, title: String, _ text: String) -> String {
    "::\(level) title=\(property(title))::\(data(inert(text)))"
  }

  /// Whether GitHub's runner reads what this process prints.
  static let isGitHub = kind(ThisProcess.environment) == .gitHub

  /// A message as GitHub's toolkit writes it.
  static func data(_ text: String) -> String {
    text.replacing("%", with: "%25").replacing("\r", with: "%0D").replacing("\n", with: "%0A")
  }

  /// A property of a command as GitHub's toolkit writes it.
  static func property(_ text: String) -> String {
    data(text).replacing(":", with: "%3A").replacing(",", with: "%2C")
  }

  /// The text with nothing that GitHub's runner takes for a command: `::name` at the start of a
  /// line, and `##[name]` anywhere in it.
  package static func inert(_ text: String) -> String {
    guard text.contains("##[") || text.contains("::") else { return text }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      let isCommand = line.drop { $0.isWhitespace }.hasPrefix("::")
      return (isCommand ? "\u{FFFD}" : "") + line.replacing("##[", with: "##\u{FFFD}[")
    }
    return lines.joined(separator: "\n")
  }

  /// The same for a line of JSON, which says the same afterwards.
  static func inertJSON(_ line: String) -> String { line.replacing("##[", with: "#\\u0023[") }
}
