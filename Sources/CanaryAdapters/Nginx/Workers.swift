internal import CSystem
internal import CanaryCore
package import CanaryDriver
internal import Glibc

/// The workers of one running Nginx, as /proc shows them to every user.
package enum Workers {
  /// The worker with this pid and all workers that listen on the same sockets; nil when it is not
  /// found on this host.
  ///
  /// The pid is the one that the worker itself reports. In a binary upgrade the former master is the
  /// new one's parent, and the workers of both take requests.
  package static func beside(worker pid: Int32) -> [Worker]? {
    guard let here = find(pid), let master = facts(here)?.parent else { return nil }
    let uptime = uptime()
    let processes = processes()
    let masters = related(to: master, processes)
    return processes.compactMap { process in
      guard let leaving = isShuttingDown(process), let facts = facts(process),
        masters.contains(facts.parent)
      else { return nil }
      return Worker(
        pid: process, master: facts.parent, isShuttingDown: leaving,
        age: .seconds(max(0, uptime - facts.started)))
    }
  }

  /// A master, those that it descends from, and those that descend from it.
  private static func related(to master: Int32, _ processes: [Int32]) -> Set<Int32> {
    var first = master
    while let parent = facts(first)?.parent, isMaster(parent) { first = parent }
    let parents = Dictionary(
      uniqueKeysWithValues: processes.filter(isMaster).map { ($0, facts($0)?.parent ?? 0) })
    var found: Set = [first, master]
    while true {
      let next = parents.filter { found.contains($0.value) && !found.contains($0.key) }
      if next.isEmpty { return found }
      found.formUnion(next.keys)
    }
  }

  /// The running master that the pid file of the main file names; nil: it names none that is to be
  /// believed.
  static func master(of config: Config) -> Int32? {
    let main = NginxMainFile(config.nginx.config, generated: config.nginx.include)
    var process = stat()
    guard let file = main?.pidFile, let text = Files.contents(file, limit: 64),
      let pid = Int32(text.filter { !$0.isWhitespace }), isMaster(pid),
      stat("/proc/\(pid)", &process) == 0, NginxMaster.mayBe(process.st_uid, config)
    else { return nil }
    return pid
  }

  private static func isMaster(_ pid: Int32) -> Bool {
    (try? Files.read("/proc/\(pid)/cmdline", limit: 4096))?.hasPrefix("nginx: master process ")
      ?? false
  }

  /// The master of a worker, by the pid that the worker reports; nil when it is not found here.
  static func master(ofWorker pid: Int32) -> Int32? { find(pid).flatMap { facts($0)?.parent } }

  static func parent(of pid: Int32) -> Int32? { facts(pid)?.parent }

  /// The pid on this host of a worker that reports `pid`.
  ///
  /// In a container, that is a pid of another namespace: the last number of `NSpid` in
  /// /proc/PID/status. Nil when two containers have such a worker.
  private static func find(_ pid: Int32) -> Int32? {
    if isShuttingDown(pid) != nil, namespacePid(of: pid) == pid { return pid }
    let matches = processes().filter { isShuttingDown($0) != nil && namespacePid(of: $0) == pid }
    return matches.count == 1 ? matches[0] : nil
  }

  /// The number by which a process calls itself, as in Nginx's log: in a container, another one.
  static func namespacePid(of pid: Int32) -> Int32? {
    guard let status = try? Files.read("/proc/\(pid)/status", limit: 16 << 10) else { return nil }
    let line = status.split(separator: "\n").first { $0.hasPrefix("NSpid:") }
    return line?.split(whereSeparator: \.isWhitespace).last.flatMap { Int32($0) }
  }

  /// Whether the process is a worker that is shutting down; nil when it is no Nginx worker.
  private static func isShuttingDown(_ pid: Int32) -> Bool? {
    guard let title = try? Files.read("/proc/\(pid)/cmdline", limit: 4096),
      title.hasPrefix("nginx: worker process")
    else { return nil }
    return title.contains("shutting down")
  }

  /// The parent's pid and the start in seconds after boot, from /proc/PID/stat (proc(5): fields 4
  /// and 22).
  private static func facts(_ pid: Int32) -> (parent: Int32, started: Double)? {
    guard let text = try? Files.read("/proc/\(pid)/stat", limit: 4096),
      let end = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[end...].dropFirst(2).split(separator: " ")
    guard fields.count > 19, let parent = Int32(fields[1]), let ticks = Double(fields[19]) else {
      return nil
    }
    return (parent, ticks / Double(sysconf(Int32(_SC_CLK_TCK))))
  }

  /// A running master process, as it shows itself.
  package struct Master: Sendable {
    package let pid: Int32
    /// Its command line without the title that it sets.
    package let words: [String]
    let user: uid_t
    let group: gid_t
  }

  /// The oldest master process of root or of this user; nil: no Nginx runs.
  ///
  /// Any program may call itself one, so a process of anybody else is not believed: what it names
  /// would be read, and its modules run, with this user's rights.
  package static func master() -> Master? { believed().first }

  /// All of those, the oldest first; those in containers only where none runs beside this process.
  package static func believed() -> [Master] {
    let found = masters().filter { $0.user == 0 || $0.user == geteuid() }
    let own = Files.link(at: "/proc/self/ns/mnt")
    let here = found.filter { Files.link(at: "/proc/\($0.pid)/ns/mnt") == own }
    return here.isEmpty ? found : here
  }

  /// All processes that call themselves a master, the oldest first.
  static func masters() -> [Master] {
    processes().compactMap { pid -> (Double, Master)? in
      var process = stat()
      guard let title = try? Files.read("/proc/\(pid)/cmdline", limit: 4096),
        title.hasPrefix("nginx: master process "), let facts = facts(pid),
        stat("/proc/\(pid)", &process) == 0
      else { return nil }
      let words = title.split { $0 == " " || $0 == "\0" }.dropFirst(3).map(String.init)
      let master = Master(
        pid: pid, words: words, user: process.st_uid, group: process.st_gid)
      return (facts.started, master)
    }.sorted { $0.0 < $1.0 }.map(\.1)
  }

  /// The program of a master process, where only root or this user may write it; nil: another one.
  ///
  /// Not the first `nginx` of the path: what runs is what knows its own configuration.
  package static func program(of master: Master) -> String? {
    var buffer = [CChar](repeating: 0, count: 4097)
    let count = readlink("/proc/\(master.pid)/exe", &buffer, 4096)
    guard count > 0 else { return nil }
    let path = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard Files.name(of: path).hasPrefix("nginx"), Files.exists(path), Trust.stranger(path) == nil
    else { return nil }
    return path
  }

  private static func uptime() -> Double {
    let text = Files.contents("/proc/uptime", limit: 256)
    return text?.split(separator: " ").first.flatMap { Double($0) } ?? 0
  }

  private static func processes() -> [Int32] { Files.names(in: "/proc").compactMap { Int32($0) } }
}
