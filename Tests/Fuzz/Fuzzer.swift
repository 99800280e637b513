internal import CanaryCore
internal import Glibc
internal import TestSupport

/// `Fuzz READER [WORDS of libFuzzer]`, which `scripts/torture fuzz` makes and starts; `main` is libFuzzer's.
///
/// libFuzzer itself looks for crashes and for inputs that never end. Whether one computes for too long is told here, by
/// the time of this thread: others use the machine too.
private enum Fuzzer {
  nonisolated(unsafe) private static var check: ([UInt8]) -> String? = { _ in nil }
  /// What one input may cost, with the tools of the search in the program.
  private static let mostSeconds = 1.0
  private static let mostKilobytes = 200 << 10

  /// Takes the reader's name out of the words, and puts in its corpus and how long an input may be.
  static func prepare(_ words: [String]) throws -> [String] {
    guard words.count > 1, let target = FuzzTarget(rawValue: words[1]) else {
      print(FuzzTarget.allCases.map(\.rawValue).joined(separator: "\n"))
      exit(words.count > 1 ? 2 : 0)
    }
    check = try target.check()
    let files = target.files.joined(separator: ",")
    return [words[0], "-max_len=\(target.longest)", "-seed_inputs=\(files)"] + words.dropFirst(2)
  }

  static func tryOne(_ bytes: [UInt8]) {
    let (started, held) = (computed, resident)
    var fault = check(bytes)
    let (spent, taken) = (computed - started, resident - held)
    if spent > mostSeconds { fault = fault ?? "took \(spent) s for \(bytes.count) bytes" }
    if taken > mostKilobytes { fault = fault ?? "took \(taken) KB for \(bytes.count) bytes" }
    guard let fault else { return }
    let text = "fuzz: \(Text.sanitized(fault, limit: 2000))\n"
    _ = text.withCString { write(2, $0, strlen($0)) }
    abort()
  }

  /// Seconds that this thread has computed so far.
  private static var computed: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// The most memory that the process ever had.
  private static var resident: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss
  }
}

/// The beginning of libFuzzer's `main`: it reads what is left of the words.
@_cdecl("LLVMFuzzerInitialize")
public func fuzzerInitialize(
  _ count: UnsafeMutablePointer<CInt>,
  _ words: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
) -> CInt {
  let given = (0..<Int(count.pointee)).compactMap { words.pointee[$0].map { String(cString: $0) } }
  do {
    let left = try Fuzzer.prepare(given)
    // libFuzzer keeps them to its end.
    let list = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: left.count + 1)
    for (index, word) in left.enumerated() { list[index] = strdup(word) }
    list[left.count] = nil
    (words.pointee, count.pointee) = (list, CInt(left.count))
    return 0
  } catch {
    print("fuzz: \(error)")
    exit(1)
  }
}

/// One input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzerTestOneInput(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  Fuzzer.tryOne(Array(UnsafeBufferPointer(start: bytes, count: count)))
  return 0
}
