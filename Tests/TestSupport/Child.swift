internal import CanaryAdapters
package import CanaryCore
internal import Glibc

/// A process that a test started, and ends by its id.
package final class Child {
  package let pid: Int32
  package let log: String?
  private var isOver = false

  package init(_ words: [String], output: String? = nil) throws {
    log = output
    var file: CInt?
    if let output { file = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644) }
    pid = try Spawn.detach(words, input: nil, output: file)
    if let file { close(file) }
  }

  package func signal(_ number: CInt) { kill(pid, number) }

  /// Waits for the end; the exit status, or 128 plus the signal that ended it; nil when it goes on.
  package func wait(_ limit: Span = .minutes(2)) -> Int32? {
    let start = SystemClock.now
    while SystemClock.now - start < limit {
      var status: CInt = 0
      if waitpid(pid, &status, WNOHANG) == pid {
        isOver = true
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
      }
      usleep(5000)
    }
    return nil
  }

  package func stop() {
    guard !isOver else { return }
    kill(pid, SIGTERM)
    if wait(.seconds(5)) == nil {
      kill(pid, SIGKILL)
      _ = wait(.seconds(5))
    }
  }

  package var text: String { log.flatMap { (try? Files.read($0)) ?? nil } ?? "" }
}
