internal import CSystem
internal import CanaryCore
internal import Glibc

/// Who reads generated files: the master of Nginx, which is root before its workers are not.
///
/// They hold the secrets of previews, so nobody else may read them.
struct MasterReader {
  /// The master that is not root; nil: there is none.
  let master: NginxMaster?

  init(master: NginxMaster?) { self.master = master }

  init(_ config: Config, _ service: ServiceName) {
    master = NginxMaster.find(config, service)
  }

  /// Gives a new file its owner, and returns the mode for it: 0640.
  ///
  /// As root it is given to the user of its folder, so that the controller can go on with it, and to
  /// the group of a master that is not root. Where only others could let such a master read it,
  /// everybody may: it would serve nothing otherwise.
  func prepare(_ file: CInt, _ path: String) -> mode_t {
    Files.giveToOwner(file, of: path)
    var facts = stat()
    guard let master, fstat(file, &facts) == 0, facts.st_uid != master.user else { return 0o640 }
    if facts.st_gid == master.group || fchown(file, uid_t.max, master.group) == 0 { return 0o640 }
    return 0o644
  }
}
