internal import Dispatch
internal import Glibc

/// A terminal for full-screen output and single keys.
///
/// Draws on the alternate screen, so that nothing is left behind at the end. Ctrl-C stays a signal.
package final class Terminal: Sendable {
  private let before: termios

  /// Nil unless both input and output are terminals, and `TERM` is one that can be drawn on.
  package init?() {
    var settings = termios()
    guard isatty(0) == 1, isatty(1) == 1, tcgetattr(0, &settings) == 0,
      ![nil, "", "dumb"].contains(ThisProcess.environment["TERM"])
    else { return nil }
    before = settings
  }

  /// Switches to the alternate screen: no echo, line editing or cursor.
  package func begin() {
    var raw = before
    raw.c_lflag &= ~UInt32(ICANON | ECHO)
    // Without Ctrl-Z: a stopped program would leave the terminal unusable, and maybe its rollout
    // without a driver.
    withUnsafeMutableBytes(of: &raw.c_cc) { $0[Int(VSUSP)] = 0 }
    tcsetattr(0, TCSANOW, &raw)
    Self.write("\u{1B}[?1049h\u{1B}[?25l\u{1B}[2J")
  }

  /// Restores the screen and the settings.
  package func end() {
    Self.write("\u{1B}[?25h\u{1B}[?1049l")
    var settings = before
    tcsetattr(0, TCSANOW, &settings)
  }

  /// The size in characters; 80 × 24 when it is not known.
  package var size: (columns: Int, rows: Int) {
    var size = winsize()
    guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
      return (80, 24)
    }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Draws the lines that differ from `before`; all lines when it is nil.
  ///
  /// In one write, which terminals with synchronized output (mode 2026) show at once.
  package func draw(_ lines: [String], before: [String]?) {
    var text = "\u{1B}[?2026h"
    if before == nil { text += "\u{1B}[2J" }
    for (index, line) in lines.enumerated() where before?.dropFirst(index).first != line {
      text += "\u{1B}[\(index + 1);1H\(line)\u{1B}[0m\u{1B}[K"
    }
    if let before, before.count > lines.count { text += "\u{1B}[\(lines.count + 1);1H\u{1B}[J" }
    Self.write(text + "\u{1B}[?2026l")
  }

  /// Keys as they are pressed; those that send several bytes, such as arrows, are ignored.
  package func keys() -> AsyncStream<Character> {
    AsyncStream { continuation in
      // Dispatch's sources may be cancelled from any thread; the overlay does not declare it.
      nonisolated(unsafe) let source = DispatchSource.makeReadSource(fileDescriptor: 0)
      source.setEventHandler {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = Glibc.read(0, &bytes, bytes.count)
        guard count > 0 else {
          source.cancel()
          continuation.finish()
          return
        }
        if bytes[0] != 0x1B {
          for byte in bytes[..<count] where byte < 0x80 {
            continuation.yield(Character(UnicodeScalar(byte)))
          }
        }
      }
      continuation.onTermination = { _ in source.cancel() }
      source.resume()
    }
  }

  private static func write(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR || errno == EAGAIN { continue }
      if count <= 0 { return }
      rest = rest.dropFirst(count)
    }
  }
}
