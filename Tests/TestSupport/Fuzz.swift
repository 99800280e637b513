package import CanaryCore
internal import CanaryAdapters
internal import Glibc

/// A reader that is given inputs which nobody thought of, from a corpus of real ones.
///
/// What was found once stays in the corpus, and is tried first from then on. An input that breaks something is written
/// there under a name with its hash: also when the reader crashes, overflows its stack or never returns.
package struct Fuzz {
  private let target: FuzzTarget
  private let folder: String
  private let corpus: [(name: String, bytes: [UInt8])]

  /// How long a reader may compute on one input: some hundred times what it takes.
  package static let patience = Span.seconds(0.5)
  /// How long it may take on the clock, on a machine that others use too.
  private static let deadline = Span.seconds(60)

  /// Mutations of the target's files are cut to the longest input that the reader promises to be quick with.
  package init(_ target: FuzzTarget) throws {
    self.target = target
    folder = target.folder
    corpus = try target.files.map { path in
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
  package func run(_ rounds: Int, _ check: (([UInt8]) -> String?)? = nil) throws -> Int {
    let check = try check ?? target.check()
    FuzzWatch.begin(deadline: Self.deadline)
    defer { FuzzWatch.end() }
    for one in corpus { try tryOne(one.bytes, one.name, check) }
    let mutator = Mutator(corpus.map(\.bytes))
    return try Campaign.current.rounds(rounds) { round in
      var dice = round.dice
      try tryOne(Array(mutator.input(&dice).prefix(target.longest)), "\(round)", check)
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
