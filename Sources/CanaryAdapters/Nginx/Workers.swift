internal import CanaryCore
package import CanaryDriver
internal import Glibc

/// The workers of one running Nginx, as /proc shows them to every user.
package enum Workers {
  /// The worker with this pid and all workers of the same master; nil when it is not found on this
  /// host.
  ///
  /// The pid is the one that the worker itself reports.
  package static func beside(worker pid: Int32) -> [Worker]? {
    guard let here = find(pid), let master = facts(here)?.parent else { return nil }
    let uptime = uptime()
    return processes().compactMap { process in
      guard let facts = facts(process), facts.parent == master,
        let leaving = isShuttingDown(process)
      else { return nil }
      return Worker(
        pid: process, isShuttingDown: leaving, age: .seconds(max(0, uptime - facts.started)))
    }
  }

  /// The pid on this host of a worker that reports `pid`.
  ///
  /// In a container, that is a pid of another namespace: the last number of `NSpid` in
  /// /proc/PID/status. Nil when two containers have such a worker.
  private static func find(_ pid: Int32) -> Int32? {
    if isShuttingDown(pid) != nil, namespacePid(of: pid) == pid { return pid }
    let matches = processes().filter { isShuttingDown($0) != nil && namespacePid(of: $0) == pid }
    return matches.count == 1 ? matches[0] : nil
  }

  private static func namespacePid(of pid: Int32) -> Int32? {
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

  /// The command line of the oldest master process, without the title that it sets; nil: no Nginx
  /// runs.
  package static func master() -> [String]? {
    let masters = processes().compactMap { pid -> (Double, [String])? in
      guard let title = try? Files.read("/proc/\(pid)/cmdline", limit: 4096),
        title.hasPrefix("nginx: master process "), let facts = facts(pid)
      else { return nil }
      let words = title.split { $0 == " " || $0 == "\0" }
      return (facts.started, words.dropFirst(3).map(String.init))
    }
    return masters.min { $0.0 < $1.0 }?.1
  }

  private static func uptime() -> Double {
    let text = Files.contents("/proc/uptime", limit: 256)
    return text?.split(separator: " ").first.flatMap { Double($0) } ?? 0
  }

  private static func processes() -> [Int32] { Files.names(in: "/proc").compactMap { Int32($0) } }
}
