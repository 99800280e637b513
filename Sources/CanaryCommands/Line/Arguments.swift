internal import CanaryCore

/// One option of a command: `--name`, or `--name VALUE`.
struct Option: Sendable {
  let name: String
  /// What stands for its value in the help; nil: the option takes none.
  let value: String?
  let help: String
  /// Whether it may be given more than once.
  let repeats: Bool

  init(_ name: String, _ value: String? = nil, _ help: String, repeats: Bool = false) {
    self.name = name
    self.value = value
    self.help = help
    self.repeats = repeats
  }

  static let config = Option(
    "--config", "FILE", "the config; else $CANARY_CONFIG, ./canary.json5, /etc/canary/canary.json5")
  static let help = Option("--help", nil, "print this help")
  static let json = Option("--json", nil, "print JSON")
  static let reason = Option("--reason", "TEXT", "why, for the history")
}

/// A command's words and options.
///
/// Its help is printed from this, and command lines are checked against it.
struct CommandSpec: Sendable {
  enum Service: Sendable {
    case none, optional, required
    /// One, or `--all`.
    case oneOrAll
  }

  let name: String
  let service: Service
  let summary: String
  var details = ""
  var options: [Option] = []
  /// What stands for further words in the help; nil: the command takes none.
  ///
  /// Replaces `service` and `second`.
  var rest: String?
  /// What stands for the second word in the help; nil: the command takes none.
  var second: String?
  /// It changes something.
  ///
  /// So refusals are recorded in the history, and receivers and the status page are updated.
  var isActing = false
  /// It is for programs: help, manual and completions do not show it.
  var isHidden = false

  var usage: String {
    let service =
      switch service {
      case .none: ""
      case .optional: " [SERVICE]"
      case .required: " SERVICE"
      case .oneOrAll: " SERVICE|--all"
      }
    return "canary \(name)\(service)\(second.map { " [\($0)]" } ?? "")"
      + (options.isEmpty ? "" : " [options]")
  }

  var allOptions: [Option] { options + [.config, .help] }

  var help: String {
    let rows = allOptions.map { option in
      (option.name + (option.value.map { " \($0)" } ?? ""), option.help)
    }
    let width = (rows.map(\.0.count).max() ?? 0) + 2
    let lines = rows.map { "  " + $0.0.padded(to: width) + $0.1 }
    return "\(summary)\n\nUsage: \(usage)\n" + (details.isEmpty ? "" : "\n\(details)\n")
      + "\nOptions:\n"
      + lines.joined(separator: "\n") + "\n"
  }
}

/// A wrong command line; the text says what to type instead.
struct UsageError: Error {
  let text: String
}

/// A command line's words, read as its `CommandSpec` says.
struct Arguments: Sendable {
  private(set) var service: String?
  private(set) var second: String?
  private(set) var flags: Set<String> = []
  private(set) var values: [String: [String]] = [:]
  /// The words of a command whose `rest` is set.
  private(set) var rest: [String] = []

  /// Throws for the first word that the command does not take.
  init(_ words: [String], for spec: CommandSpec) throws(UsageError) {
    var rest = words[...]
    var plain: [String] = []
    while let word = rest.popFirst() {
      if word == "--" {
        plain += rest
        break
      }
      guard word.hasPrefix("-"), word != "-" else {
        plain.append(word)
        continue
      }
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
        String.init)
      let name = parts[0] == "-h" ? "--help" : parts[0]
      guard let option = spec.allOptions.first(where: { $0.name == name }) else {
        // Without the dashes, which all have.
        let known = spec.allOptions.map { String($0.name.dropFirst(2)) }
        let near = Spelling.nearest(to: String(name.drop { $0 == "-" }), among: known)
        let advice = near.map { "did you mean '--\($0)'?" } ?? "see: canary \(spec.name) --help"
        throw UsageError(text: "unknown option '\(Text.sanitized(name))'; \(advice)")
      }
      if option.value == nil {
        guard parts.count == 1 else { throw UsageError(text: "\(name) takes no value") }
        flags.insert(name)
        continue
      }
      guard values[name] == nil || option.repeats else {
        throw UsageError(text: "\(name) is given twice: keep one of them")
      }
      if parts.count == 2 {
        values[name, default: []].append(parts[1])
      } else if let value = rest.first, !spec.allOptions.contains(where: { $0.name == value }) {
        rest.removeFirst()
        values[name, default: []].append(value)
      } else {
        throw UsageError(text: "\(name) needs a value: \(name) \(option.value ?? "")")
      }
    }
    if flags.contains("--help") { return }
    if spec.rest != nil {
      self.rest = plain
      return
    }
    let most = (spec.service == .none ? 0 : 1) + (spec.second == nil ? 0 : 1)
    guard plain.count <= most else {
      throw UsageError(text: "unexpected '\(Text.sanitized(plain[most]))'; usage: \(spec.usage)")
    }
    service = plain.first
    second = plain.dropFirst().first
    let isAll = spec.service == .oneOrAll && has("--all")
    if spec.service == .required || spec.service == .oneOrAll, service == nil, !isAll {
      throw UsageError(text: "which service? usage: \(spec.usage)")
    }
    if isAll, let service {
      throw UsageError(text: "either \(service) or --all; usage: \(spec.usage)")
    }
  }

  func has(_ flag: String) -> Bool { flags.contains(flag) }
  subscript(_ option: String) -> String? { values[option]?.first }
  /// Every value of an option that repeats.
  func all(_ option: String) -> [String] { values[option] ?? [] }
}
