internal import CanaryAdapters
internal import CanaryCore
internal import Glibc

/// A terminal that programs are run on, drawn by tmux; ends with `close`.
package final class Screen {
  private let socket: String

  /// A terminal of that size with a shell; `environment` is added to it.
  package init(columns: Int, rows: Int, folder: String, environment: [String] = []) throws {
    socket = "\(folder)/tmux-\(Sockets.freePort())"
    try tmux(
      [
        "-f", "/dev/null", "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)", "env", "-u",
        "NO_COLOR",
      ]
        + environment + ["PS1=$ ", "TERM=screen-256color", "sh"])
    try tmux(["set", "-g", "status", "off"])
  }

  package func close() { _ = try? tmux(["kill-server"]) }

  /// Types a line and a return.
  package func type(_ line: String) throws {
    try tmux(["send-keys", "-l", line])
    try tmux(["send-keys", "Enter"])
  }

  /// Presses a key by its name in tmux, such as `q` or `C-c`.
  package func press(_ key: String) throws { try tmux(["send-keys", key]) }

  package func resize(columns: Int, rows: Int) throws {
    try tmux(["resize-window", "-x", "\(columns)", "-y", "\(rows)"])
  }

  /// What is on the screen; `isRaw` keeps the colours.
  package func text(isRaw: Bool = false) throws -> String {
    try tmux(["capture-pane", "-p"] + (isRaw ? ["-e"] : []))
  }

  /// Waits until all of these are on the screen at once, and returns what it then shows.
  ///
  /// A program may be caught in the middle of drawing, so what belongs together is waited for together.
  @discardableResult
  package func wait(for parts: String..., seconds: Double = 30) throws -> String {
    let start = SystemClock.now
    while true {
      let text = try text()
      let missing = parts.filter { !text.contains($0) }
      if missing.isEmpty { return text }
      guard SystemClock.now - start < .seconds(seconds) else {
        throw SandboxError("waited \(seconds) s for \(missing) on a screen that shows:\n\(text)")
      }
      usleep(20_000)
    }
  }

  @discardableResult
  private func tmux(_ words: [String]) throws -> String {
    // A server without a UTF-8 locale would show underscores.
    let ran = try Spawn.run(["tmux", "-u", "-S", socket] + words, limit: .seconds(20))
    guard ran.succeeded else { throw SandboxError("tmux \(words): \(ran.output)") }
    return ran.output
  }
}
