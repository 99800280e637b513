internal import CanaryAdapters
internal import CanaryCore
internal import Glibc
internal import Synchronization

/// Prints to standard output and standard error.
struct Output: Sendable {
  let outIsTerminal = ThisProcess.isTerminal(1)
  let errIsTerminal = ThisProcess.isTerminal(2)

  func out(_ text: String) { Self.write(Self.visible(text) + "\n", to: 1) }
  /// Prints a line of a rollout's progress: to standard output on a terminal, where nothing else
  /// reads it.
  func progress(_ text: String) {
    if outIsTerminal { out(text) } else { err(text) }
  }
  /// Prints a mark of a build server as it is, beside the lines of progress.
  func mark(_ text: String) { Self.write(text + "\n", to: outIsTerminal ? 1 : 2) }
  /// Prints to standard error; keeps the text while `hold` is in effect.
  func err(_ text: String) {
    let isHeld = Self.held.withLock { held in
      held?.append(text)
      return held != nil
    }
    if !isHeld { Self.write(Self.visible(text) + "\n", to: 2) }
  }

  /// The text with `U+FFFD` for what is not seen, except for ends of lines and tabs: whatever is
  /// printed may hold a text of others.
  private static func visible(_ text: String) -> String {
    let text = BuildServer.isGitHub ? BuildServer.inert(text) : text
    let isHarmless = { (scalar: Unicode.Scalar) in
      scalar == "\n" || scalar == "\t" || !Text.isInvisible(scalar)
    }
    if text.unicodeScalars.allSatisfy(isHarmless) { return text }
    var out = ""
    for scalar in text.unicodeScalars {
      out.unicodeScalars.append(isHarmless(scalar) ? scalar : "\u{FFFD}")
    }
    return out
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
    for line in lines { write(visible(line) + "\n", to: 2) }
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
