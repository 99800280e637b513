internal import CanaryAdapters
internal import CanaryCore
internal import Glibc
internal import Synchronization

/// Standard output and standard error.
struct Output: Sendable {
  let outIsTerminal = ThisProcess.isTerminal(1)
  let errIsTerminal = ThisProcess.isTerminal(2)

  func out(_ text: String) { Self.write(text + "\n", to: 1) }
  func err(_ text: String) {
    let isHeld = Self.held.withLock { held in
      held?.append(text)
      return held != nil
    }
    if !isHeld { Self.write(text + "\n", to: 2) }
  }

  /// `err`, as a world takes it.
  var log: @Sendable (String) -> Void { { err($0) } }

  /// What was said while a screen is drawn that it would spoil; nil while none is.
  private static let held = Mutex<[String]?>(nil)

  /// Keeps what goes to standard error from now on.
  static func hold() { held.withLock { $0 = $0 ?? [] } }

  /// The last line that was kept.
  static var lastHeld: String? { held.withLock { $0?.last } }

  /// Says what was kept.
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
      // The reader is gone (`canary status | head`): nothing more to say to anybody.
      if count <= 0 { return }
      rest = rest.dropFirst(count)
    }
  }
}
