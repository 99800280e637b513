internal import CSystem
package import CanaryCore
internal import Glibc

/// Facts about this process: its user, its origin, its program.
package enum ThisProcess {
  /// The user of this process, with its origin.
  package static func actor(environment: [String: String]) -> Actor {
    actor(
      uid: getuid(), login: Files.contents("/proc/self/loginuid", limit: 64),
      sudo: environment["SUDO_UID"].flatMap(UInt32.init), origin: origin(environment))
  }

  /// The person behind a process of that user.
  ///
  /// `login` is the kernel's loginuid: whom the system let in, whatever `su` and `sudo` made of it
  /// since. As root by `sudo`, the person has the groups of both; as another user only that one's:
  /// what a program says of itself must not give it any.
  package static func actor(
    uid: UInt32, login: String?, sudo: UInt32?, origin: String
  ) -> Actor {
    // 4294967295 is none, as of what a service or a container starts.
    let login = login.flatMap { UInt32($0.firstLine) }.flatMap { $0 == .max ? nil : $0 }
    var uids = [uid]
    for other in [login, sudo].compactMap(\.self) where !uids.contains(other) {
      uids.append(other)
    }
    let names = uids.map { name(of: $0) }
    // Who may become root may have any group.
    let granted = uid == 0 ? uids : [uid]
    let grantedNames = granted.map { name(of: $0) }
    let person = Person(
      uids: uids, users: grantedNames,
      groups: Array(Set(granted.flatMap(groups).map(groupName))).sorted())
    return Actor(text(names, uids, sudo: sudo), origin: origin, person: person)
  }

  /// The users as people read them: the one that acts, and those behind it.
  private static func text(_ names: [String], _ uids: [UInt32], sudo: UInt32?) -> String {
    guard names.count > 1 else { return names[0] }
    let behind = names.dropFirst().joined(separator: ", ")
    if uids[0] == 0, names.count == 2, uids[1] == sudo { return "\(behind) (sudo)" }
    return uids[0] == 0 ? "\(behind) (as root)" : "\(names[0]) (behind it \(behind))"
  }

  /// Raises how many files this process may open at once as far as it is allowed to, and returns it.
  package static func openFiles() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    var wanted = limit
    wanted.rlim_cur = min(limit.rlim_max, 1 << 16)
    if wanted.rlim_cur > limit.rlim_cur,
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &wanted) == 0
    {
      limit = wanted
    }
    return Int(limit.rlim_cur)
  }

  /// With fewer, the language's own runtime ends a program that waits for several things at once.
  package static let fewestFiles = 32

  /// Why this process can do no more than put a brake on; nil: it can.
  package static var shortage: Fault? {
    let files = openFiles()
    if files >= fewestFiles { return nil }
    return Fault(
      "this process may open no more than \(files) files at once, and canary needs \(fewestFiles)",
      hint: "Raise the limit: ulimit -n 1024, or LimitNOFILE=1024 in the unit")
  }

  /// Whether this process could open some more files, as a connection takes.
  static var canOpenFiles: Bool {
    let files = (0..<4).map { _ in open("/dev/null", O_RDONLY | O_CLOEXEC) }
    for file in files where file >= 0 { close(file) }
    return files.allSatisfy { $0 >= 0 }
  }

  static func name(of uid: uid_t) -> String {
    getpwuid(uid).map { String(cString: $0.pointee.pw_name) } ?? "uid \(uid)"
  }

  /// The groups that the host says the user is in.
  static func groups(of uid: uid_t) -> [gid_t] {
    guard let entry = getpwuid(uid) else { return [] }
    var count: CInt = 256
    var ids = [gid_t](repeating: 0, count: Int(count))
    guard getgrouplist(entry.pointee.pw_name, entry.pointee.pw_gid, &ids, &count) >= 0 else {
      return []
    }
    return Array(ids.prefix(Int(count)))
  }

  private static func groupName(_ id: gid_t) -> String {
    getgrgid(id).map { String(cString: $0.pointee.gr_name) } ?? "gid \(id)"
  }

  package static var hostName: String {
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, 255)
    return text(name)
  }

  /// Host, terminal, SSH client and calling program: they show whether a person or a script acted.
  private static func origin(_ environment: [String: String]) -> String {
    var name = [CChar](repeating: 0, count: 256)
    var parts = [hostName]
    for descriptor: CInt in [0, 2] where isatty(descriptor) == 1 {
      if ttyname_r(descriptor, &name, 255) == 0 {
        parts.append(text(name).replacing("/dev/", with: ""))
        break
      }
    }
    if let address = environment["SSH_CONNECTION"]?.split(separator: " ").first {
      parts.append("ssh \(address)")
    }
    if let parent = try? Files.read("/proc/\(getppid())/comm", limit: 64) {
      parts.append("by \(parent.filter { !$0.isNewline })")
    }
    return parts.joined(separator: " ")
  }

  private static func text(_ characters: [CChar]) -> String {
    String(
      decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  package static var pid: Int32 { getpid() }

  package static var isRoot: Bool { geteuid() == 0 }

  /// The user that a process runs as; nil: there is no such process.
  package static func owner(of pid: Int32) -> UInt32? {
    var facts = stat()
    return stat("/proc/\(pid)", &facts) == 0 ? facts.st_uid : nil
  }

  /// Whether there is a process of this pid, whoever owns it.
  package static func isAlive(_ pid: Int32) -> Bool { kill(pid, 0) == 0 || errno == EPERM }

  /// Writes a line to the journal of the host, for a process whose error output nobody reads.
  package static func journal(_ line: String) {
    openlog("canary", LOG_PID, LOG_DAEMON)
    line.split(separator: "\n").joined(separator: " ").withCString { text in
      withVaList([text]) { vsyslog(LOG_CRIT, "%s", $0) }
    }
  }

  /// Whether the descriptor is a terminal, so that a person reads it.
  package static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  package static var environment: [String: String] {
    var table: [String: String] = [:]
    var next = environ
    while let entry = next.pointee {
      let text = String(cString: entry)
      if let equals = text.firstIndex(of: "=") {
        table[String(text[..<equals])] = String(text[text.index(after: equals)...])
      }
      next += 1
    }
    return table
  }

  /// The path of this program, to start it again.
  package static var program: String {
    guard let path = Files.link(at: "/proc/self/exe") else { return "canary" }
    // After an upgrade the path names the new file. Without one, the kernel still has the old.
    let gone = " (deleted)"
    guard path.hasSuffix(gone) else { return path }
    let replaced = String(path.dropLast(gone.count))
    return Files.exists(replaced) ? replaced : "/proc/self/exe"
  }
}
