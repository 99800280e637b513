package import CanaryCore
internal import CanaryAdapters
internal import Glibc

/// A reader that is given inputs which nobody thought of, from a corpus of real ones.
///
/// What was found once stays in the corpus, and is tried first from then on. An input that breaks something is written
/// there under a name with its hash: also when the reader crashes, overflows its stack or never returns.
package struct Fuzz {
  private let folder: String
  private let corpus: [(name: String, bytes: [UInt8])]
  private let longest: Int

  /// How long a reader may compute on one input: some hundred times what it takes.
  package static let patience = Span.seconds(0.5)
  /// How long it may take on the clock, on a machine that others use too.
  private static let deadline = Span.seconds(60)

  private static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }

  /// The files of the target's own folder, and those of the repository that match one of the patterns.
  ///
  /// Mutations of them are cut to the longest input that the reader promises to be quick with.
  package init(
    _ target: String, also patterns: [String] = [], longest: Int = Mutator.longest
  ) throws {
    self.longest = longest
    folder = "\(Self.root)/Tests/Fuzz/corpus/\(target)"
    let all = ["\(folder)/*"] + patterns.map { "\(Self.root)/\($0)" }
    corpus = try all.flatMap(NginxMainFile.files(matching:)).map { path in
      var bytes: [UInt8] = []
      try Files.readChunks(path) { chunk, count in
        bytes += UnsafeBufferPointer(start: chunk, count: count)
      }
      return (path, bytes)
    }
    guard corpus.count > 2 else { throw SandboxError("\(folder) has no corpus") }
  }

  /// Tries the corpus, and then as many mutations of it as the campaign says; `check` gives what is wrong, or nothing.
  ///
  /// Not at the same time as another target: a crash is one of the whole process.
  @discardableResult
  package func run(_ rounds: Int, _ check: ([UInt8]) -> String?) throws -> Int {
    FuzzWatch.begin(deadline: Self.deadline)
    defer { FuzzWatch.end() }
    for one in corpus { try tryOne(one.bytes, one.name, check) }
    let mutator = Mutator(corpus.map(\.bytes))
    return try Campaign.current.rounds(rounds) { round in
      var dice = round.dice
      try tryOne(Array(mutator.input(&dice).prefix(longest)), "\(round)", check)
    }
  }

  private func tryOne(_ bytes: [UInt8], _ name: String, _ check: ([UInt8]) -> String?) throws {
    FuzzWatch.watch(bytes, "\(folder)/found-", name)
    let start = Self.computed
    var fault = check(bytes)
    let spent = Self.computed - start
    if spent > Self.patience { fault = fault ?? "took \(spent) for \(bytes.count) bytes" }
    guard let fault else { return }
    throw SandboxError("\(name): \(fault); the input is in \(FuzzWatch.keep())")
  }

  /// What this thread has computed so far: that others use the machine too makes no reader slow.
  private static var computed: Span {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Span(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }
}
