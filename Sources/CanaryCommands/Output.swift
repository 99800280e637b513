internal import CanaryAdapters
internal import CanaryCore
internal import Glibc

/// What the shell gets back; the contract with every release script.
package enum ExitCode: Int32 {
  case done = 0
  case outside = 1
  case wrong = 2
  case gateFailed = 3
  case stopped = 4
  case busy = 5
  case timedOut = 6
}

/// A command that ends here, with what to tell the person and the shell.
struct Failure: Error {
  let code: ExitCode
  let text: String
  init(_ code: ExitCode, _ text: String) {
    self.code = code
    self.text = text
  }
}

/// Standard output and standard error.
struct Output: Sendable {
  let outIsTerminal = Who.isTerminal(1)
  let errIsTerminal = Who.isTerminal(2)

  func out(_ text: String) { Self.write(text + "\n", to: 1) }
  func err(_ text: String) { Self.write(text + "\n", to: 2) }

  /// A line that the next one replaces; only on a terminal.
  func live(_ text: String) { Self.write("\r\u{1B}[K" + text, to: 1) }
  func endLive() { Self.write("\r\u{1B}[K", to: 1) }

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

extension String {
  /// The text in a column that is so wide, with a space to its neighbour in any case; a negative width aligns right.
  func padded(to width: Int) -> String {
    let space = String(repeating: " ", count: max(1, abs(width) - count))
    return width < 0 ? space + self : self + space
  }
}
