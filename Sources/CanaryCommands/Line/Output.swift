internal import CanaryAdapters
internal import CanaryCore
internal import Glibc
internal import Synchronization

/// Prints to standard output and standard error.
struct Output: Sendable {
  let outIsTerminal = ThisProcess.isTerminal(1)
  let errIsTerminal = ThisProcess.isTerminal(2)

  func out(_ text: String) { Self.write(text + "\n", to: 1) }
  /// Prints to standard error; keeps the text while `hold` is in effect.
  func err(_ text: String) {
    let isHeld = Self.held.withLock { held in
      held?.append(text)
      return held != nil
    }
    if !isHeld { Self.write(text + "\n", to: 2) }
  }

  /// `err` as a closure, for a world.
  var log: @Sendable (String) -> Void { { err($0) } }

  /// Lines kept while the screen is drawn, which they would spoil; nil: nothing is kept.
  private static let held = Mutex<[String]?>(nil)

  /// Keeps lines for standard error from now on.
  static func hold() { held.withLock { $0 = $0 ?? [] } }

  /// The last line kept.
  static var lastHeld: String? { held.withLock { $0?.last } }

  /// Prints the kept lines, and keeps no more.
  static func release() {
    let lines = held.withLock { held in
      defer { held = nil }
      return held ?? []
    }
    for line in lines { write(line + "\n", to: 2) }
  }

  private static func write(_ text: String, to descriptor: Int32) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      // The reader is gone (`canary status | head`): drop the rest.
      if count <= 0 { return }
      rest = rest.dropFirst(count)
    }
  }
}
