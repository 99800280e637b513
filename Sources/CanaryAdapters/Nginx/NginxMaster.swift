internal import CSystem
internal import CanaryCore
internal import CanaryDriver
internal import Glibc

/// The user that Nginx's master runs as, where that is not root: it must be able to read generated
/// files and to write canary's logs.
///
/// Any program may call itself a master, and any user may run Nginx. So one is believed by what it
/// cannot choose: the socket in `run` that it has made, or the folders that the config gives it.
struct NginxMaster {
  let user: uid_t
  let group: gid_t

  /// Nil where the master is root, or none is to be believed.
  static func find(_ config: Config, _ service: ServiceName) -> NginxMaster? {
    if let maker = maker(of: config.probeSocket(of: service)) {
      return maker.user == 0 ? nil : maker
    }
    let masters = Workers.masters()
    let named = Workers.master(of: config)
    // Beside a master of root, only the one that the config's own pid file names counts.
    guard named != nil || !masters.contains(where: { $0.user == 0 }) else { return nil }
    let owners = owners(config)
    let found = masters.first { master in
      named.map { $0 == master.pid } ?? true && master.user != 0 && owners.contains(master.user)
    }
    return found.map { NginxMaster(user: $0.user, group: $0.group) }
  }

  /// Who listens on the socket, by the kernel; nil: nobody does.
  private static func maker(of socket: String) -> NginxMaster? {
    guard case .connected(let file) = UnixSocket.connect(socket) else { return nil }
    defer { close(file) }
    var (pid, user, group) = (CInt(0), uid_t.max, gid_t.max)
    guard canary_peer(file, &pid, &user, &group) == 0, user != uid_t.max else { return nil }
    return NginxMaster(user: user, group: group)
  }

  /// Whether a process of that user may be the master: root's and this user's, and that of who owns
  /// the places which the config gives to Nginx.
  static func mayBe(_ user: uid_t, _ config: Config) -> Bool {
    user == 0 || user == geteuid() || owners(config).contains(user)
  }

  private static func owners(_ config: Config) -> Set<uid_t> {
    let main = config.nginx.config
    let places = [main, Files.folder(of: main), config.nginx.logs]
    return Set(
      places.compactMap { place in
        var facts = stat()
        return stat(place, &facts) == 0 ? facts.st_uid : nil
      })
  }
}
