internal import CSystem
internal import CanaryCore
internal import CanaryDriver
internal import Glibc

/// The user of a master that is not root, who must be able to write canary's logs.
///
/// Whoever runs `nginx -t` first makes a log: as root, such a master could not open it any more.
struct LogOwner {
  private let user: uid_t
  private let group: gid_t

  /// Nil where there is nothing to do: this process or the running master is not what it takes.
  init?(_ config: Config, _ service: ServiceName) {
    guard geteuid() == 0, let master = NginxMaster.find(config, service) else { return nil }
    (user, group) = (master.user, master.group)
  }

  /// Makes a log for that user, and hands it over where root made it.
  func prepare(_ log: String) {
    // The folder may be that user's own: no link there may lead to another file, and
    // no pipe may keep this process.
    let file = canary_open(log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o644)
    guard file >= 0 else { return }
    defer { close(file) }
    var facts = stat()
    guard fstat(file, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, facts.st_nlink == 1,
      facts.st_uid == 0
    else { return }
    fchown(file, user, group)
  }
}
