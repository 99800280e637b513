internal import CSystem
internal import CanaryCore
internal import Glibc
internal import Synchronization

/// A pipe (FIFO) in the place of a log, which nobody reads: Nginx waits for a reader when it opens its
/// logs, in a test of its files as in a reload, and serves no new configuration until then.
final class UnreadPipe: Sendable {
  private let config: Config
  private let begun = ContinuousClock.now
  private let looked = Mutex(false)
  private let found = Mutex<String?>(nil)

  init(_ config: Config) { self.config = config }

  /// So long a test may take before it is looked for what it waits for.
  ///
  /// To look means to open the pipe for a moment, which a living reader could take for its end.
  private static let patience = Duration.seconds(5)

  /// What Nginx waits for, told once it is known; nil: nothing that is known of.
  var fault: String? { found.withLock { $0 } }

  /// Whether a program that runs by now will not go on; looks once.
  func isStuck() -> Bool {
    guard ContinuousClock.now - begun > Self.patience else { return false }
    let isFirst = looked.withLock { done in
      defer { done = true }
      return !done
    }
    if isFirst, let log = logs().first(where: Self.isUnread) {
      found.withLock {
        $0 =
          "\(log) is a pipe (FIFO) that nobody reads: Nginx waits for a reader when it opens its logs. Put a file in its place, or start the reader"
      }
    }
    return fault != nil
  }

  /// The files that the tree logs to, canary's own among them.
  private func logs() -> [String] {
    let tree = NginxTree(main: config.nginx.config, include: config.nginx.include)
    var all = config.services.map { config.log(of: $0.name) }
    for statement in tree.statements() ?? [] where statement.words.count > 1 {
      if ["access_log", "error_log"].contains(statement.words[0]) {
        all.append(Files.absolute(statement.words[1], in: tree.root))
      }
    }
    return all
  }

  private static func isUnread(_ path: String) -> Bool {
    var facts = stat()
    guard stat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFIFO else { return false }
    let file = canary_open(path, O_WRONLY | O_NONBLOCK, 0)
    let code = errno
    if file >= 0 { close(file) }
    return file < 0 && code == ENXIO
  }
}
