internal import CanaryAdapters

/// The readers of what others write, each with its corpus and with what must hold for any input.
///
/// The tests try mutations of the corpus; `scripts/torture fuzz` follows what each input reaches.
package enum FuzzTarget: String, CaseIterable, Sendable {
  case logLine = "log-line"
  case config
  case answer = "json-answer"
  case template
  case dump = "nginx-dump"

  private static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }

  /// Where inputs lie that were made for this target, or were found by a search.
  package var folder: String { "\(Self.root)/Tests/Fuzz/corpus/\(rawValue)" }

  /// The corpus: the files of the target's folder, and others of the repository.
  package var files: [String] {
    (["\(folder)/*"] + patterns.map { "\(Self.root)/\($0)" }).flatMap(
      NginxMainFile.files(matching:))
  }

  /// Files of the repository that are inputs too.
  private var patterns: [String] {
    switch self {
    case .logLine, .dump: []
    case .config: ["docs/examples/*.json5"]
    case .answer: ["Tests/AdapterTests/answers/*.json"]
    case .template: ["nginx-templates/*.conf"]
    }
  }

  /// The longest input that the reader promises to be quick with.
  package var longest: Int {
    switch self {
    case .logLine, .template, .dump: Mutator.longest
    case .config: 8 << 10
    case .answer: 1 << 10
    }
  }

  /// What gives what is wrong with the reader's answer to an input, or nothing.
  package func check() throws -> ([UInt8]) -> String? {
    switch self {
    case .logLine: LogLineTarget().fault
    case .config: ConfigTarget(templates: try TemplateFiles.load(folder: nil)).fault
    case .answer: JSONTarget().fault
    case .template: try TemplateTarget().fault
    case .dump: DumpTarget().fault
    }
  }
}
