internal import CanaryAdapters
internal import CanaryCore
internal import Dispatch
internal import Glibc
internal import Synchronization

/// Knows which input is tried now, so that a crash or a hang leaves it behind.
///
/// The handler of a crash may neither allocate nor lock, so all that it needs lies in plain memory.
enum FuzzWatch {
  private static let longestText = 1024
  nonisolated(unsafe) private static let input = UnsafeMutablePointer<UInt8>.allocate(
    capacity: Mutator.longest)
  nonisolated(unsafe) private static var count = 0
  nonisolated(unsafe) private static let path = UnsafeMutablePointer<CChar>.allocate(
    capacity: longestText)
  nonisolated(unsafe) private static let name = UnsafeMutablePointer<CChar>.allocate(
    capacity: longestText)
  nonisolated(unsafe) private static var thread = pthread_self()
  nonisolated(unsafe) private static var former: [CInt: sigaction] = [:]
  nonisolated(unsafe) private static let stack = UnsafeMutableRawPointer.allocate(
    byteCount: stackSize, alignment: 16)
  private static let stackSize = 64 << 10

  /// When the input was begun, in milliseconds; 0 between two targets.
  private static let since = Atomic<Int64>(0)

  /// Watches what this thread does, until `end`.
  static func begin(deadline: Span) {
    thread = pthread_self()
    watch([], "", "")
    // A stack that is used up has no room for a handler.
    var space = stack_t(ss_sp: stack, ss_flags: 0, ss_size: stackSize)
    sigaltstack(&space, nil)
    for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT] {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { number in
        if pthread_equal(pthread_self(), FuzzWatch.thread) != 0 { FuzzWatch.tell("crashed on") }
        // Back to where it happened, and this time for good.
        signal(number, SIG_DFL)
      }
      action.sa_flags = CInt(SA_ONSTACK)
      var old = sigaction()
      sigaction(number, &action, &old)
      former[number] = old
    }
    DispatchQueue.global().asyncAfter(deadline: .now() + 1) { look(deadline) }
  }

  static func end() {
    since.store(0, ordering: .sequentiallyConsistent)
    for (number, old) in former {
      var action = old
      sigaction(number, &action, nil)
    }
    var none = stack_t(ss_sp: nil, ss_flags: CInt(SS_DISABLE), ss_size: 0)
    sigaltstack(&none, nil)
  }

  static func watch(_ bytes: [UInt8], _ prefix: String, _ name: String) {
    count = min(bytes.count, Mutator.longest)
    input.update(from: bytes, count: count)
    copy(prefix, to: path)
    copy(name, to: Self.name)
    since.store(SystemClock.now.milliseconds, ordering: .sequentiallyConsistent)
  }

  private static func copy(_ text: String, to place: UnsafeMutablePointer<CChar>) {
    // Room for a hash behind it.
    text.withCString { _ = strncpy(place, $0, longestText - 32) }
    place[longestText - 32] = 0
  }

  private static func look(_ deadline: Span) {
    let began = since.load(ordering: .sequentiallyConsistent)
    guard began > 0 else { return }
    if SystemClock.now - Instant(milliseconds: began) > deadline {
      // A thread that computes for ever cannot be ended: the run ends here.
      tell("hangs on")
      exit(1)
    }
    DispatchQueue.global().asyncAfter(deadline: .now() + 1) { look(deadline) }
  }

  private static func tell(_ what: StaticString) {
    write(2, "\nA reader ", 10)
    write(2, what.utf8Start, what.utf8CodeUnitCount)
    write(2, " this input, from ", 18)
    write(2, name, strlen(name))
    write(2, ": ", 2)
    save()
    write(2, path, strlen(path))
    write(2, "\n", 1)
  }

  /// Writes the input into its corpus; returns where.
  static func keep() -> String {
    save()
    return String(cString: path)
  }

  /// FNV-1a of the input is the end of its name.
  private static func save() {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for index in 0..<count { hash = (hash ^ UInt64(input[index])) &* 0x100_0000_01b3 }
    var end = strlen(path)
    for shift in stride(from: UInt64(60), through: 0, by: -4) {
      let digit = CChar(truncatingIfNeeded: (hash >> shift) & 15)
      path[end] = digit < 10 ? 48 + digit : 87 + digit
      end += 1
    }
    path[end] = 0
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard file >= 0 else { return }
    write(file, input, count)
    close(file)
  }
}
