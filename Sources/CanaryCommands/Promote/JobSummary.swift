internal import CanaryAdapters
internal import Glibc

/// The page that GitHub shows of a job, to which each of its steps may add.
enum JobSummary {
  /// Adds a text in Markdown, where a job of GitHub runs and its file can be written.
  ///
  /// A summary is never worth a failure: what cannot be added is left out.
  static func add(_ markdown: String) {
    guard BuildServer.isGitHub, let path = ThisProcess.environment["GITHUB_STEP_SUMMARY"],
      !path.isEmpty
    else { return }
    // Not waiting, because the path may be anything; only a file is written to.
    let file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard file >= 0 else { return }
    defer { close(file) }
    var facts = stat()
    guard fstat(file, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else { return }
    let bytes = Array((markdown + "\n\n").utf8)
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return }
      rest = rest.dropFirst(count)
    }
  }
}
