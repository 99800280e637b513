package import CanaryCore
package import CanaryDriver
internal import FoundationEssentials
internal import Glibc
internal import Synchronization

/// What a driver sees now, in a file for those who watch; while nobody does, nothing is written.
package final class GlanceFile: Sendable {
  private struct Kept {
    var glance: Glance?
    /// When it was last asked whether somebody watches.
    var looked = Instant(milliseconds: 0)
  }

  private let watchers: Watchers
  private let path: String
  private let kept = Mutex(Kept())

  package init(_ service: Name, _ watchers: Watchers) {
    path = Self.path(service, watchers.folder)
    self.watchers = watchers
  }

  /// How often the file is written.
  private static let interval = Span.seconds(0.5)

  private static func path(_ service: Name, _ folder: String) -> String {
    "\(folder)/\(service).glance"
  }

  /// Takes note of what the driver decided on; a file that cannot be written is nobody's loss but the watcher's.
  package func saw(_ state: ServiceState, at now: Instant) {
    let glance: Glance? = kept.withLock { kept in
      if kept.glance?.goOn(state, at: now) != true {
        // Between two stages the values of the last minutes are kept.
        if let running = state.running, running.number == kept.glance?.rollout { return nil }
        if kept.glance != nil { unlink(path) }
        kept.glance = Glance(state, at: now)
      }
      guard kept.glance != nil, now - kept.looked >= Self.interval else { return nil }
      kept.looked = now
      return watchers.areThere(now) ? kept.glance : nil
    }
    guard let glance, let bytes = try? JSONEncoder().encode(glance) else { return }
    try? Files.replace(path, with: String(decoding: bytes, as: UTF8.self), isSynced: false)
  }

  /// What the driver of a service saw last; nil without one that knows of being watched.
  package static func read(_ service: Name, in folder: String) -> Glance? {
    guard let text = (try? Files.read(path(service, folder), limit: 1 << 20)) ?? nil else {
      return nil
    }
    return try? JSONDecoder().decode(Glance.self, from: Data(text.utf8))
  }
}

/// Whether anybody on this host watches; asked by all drivers of a process, and by the file's time at most so often.
package final class Watchers: Sendable {
  private struct Answer {
    var areThere = false
    var asked = Instant(milliseconds: 0)
  }

  /// The `run` folder.
  package let folder: String
  private let last = Mutex(Answer())

  package init(in folder: String) { self.folder = folder }

  /// How long after a look a watcher still counts as watching.
  private static let attention = Span.seconds(5)
  private static let interval = Span.seconds(0.2)

  private static func path(_ folder: String) -> String { "\(folder)/watched" }

  func areThere(_ now: Instant) -> Bool {
    last.withLock { last in
      if now >= last.asked, now - last.asked < Self.interval { return last.areThere }
      last.asked = now
      let touched = Files.signature(of: Self.path(folder))
      last.areThere = touched.map { now - $0.time <= Self.attention } ?? false
      return last.areThere
    }
  }

  /// Says that somebody watches, to every driver of the host.
  package static func watch(in folder: String) {
    let path = path(folder)
    if utimes(path, nil) == 0 { return }
    try? Files.replace(path, with: "", mode: 0o666, isSynced: false)
  }
}
