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

  private let folder: String
  private let service: Name
  private let kept = Mutex(Kept())

  /// The files are in the `run` folder.
  package init(_ service: Name, in folder: String) {
    self.folder = folder
    self.service = service
  }

  /// How long after a look a watcher still counts as watching, and how often its file is written.
  private static let attention = Span.seconds(5)
  private static let interval = Span.seconds(0.5)

  private static func path(_ service: Name, _ folder: String) -> String {
    "\(folder)/\(service).glance"
  }
  private static func watchPath(_ folder: String) -> String { "\(folder)/watched" }

  /// Takes note of what the driver decided on; a file that cannot be written is nobody's loss but the watcher's.
  package func saw(_ state: ServiceState, at now: Instant) {
    let path = Self.path(service, folder)
    let glance: Glance? = kept.withLock { kept in
      if kept.glance?.goOn(state, at: now) != true {
        // Between two stages the values of the last minutes are kept.
        if let running = state.running, running.number == kept.glance?.rollout { return nil }
        if kept.glance != nil { unlink(path) }
        kept.glance = Glance(state, at: now)
      }
      guard kept.glance != nil, now - kept.looked >= Self.interval else { return nil }
      kept.looked = now
      return isWatched(now) ? kept.glance : nil
    }
    guard let glance, let bytes = try? JSONEncoder().encode(glance) else { return }
    try? Files.replace(path, with: String(decoding: bytes, as: UTF8.self), isSynced: false)
  }

  private func isWatched(_ now: Instant) -> Bool {
    guard let touched = Files.signature(of: Self.watchPath(folder)) else { return false }
    return now - touched.time <= Self.attention
  }

  /// Says that somebody watches, to every driver of the host.
  package static func watch(in folder: String) {
    let path = watchPath(folder)
    if utimes(path, nil) == 0 { return }
    try? Files.replace(path, with: "", mode: 0o666, isSynced: false)
  }

  /// What the driver of a service saw last; nil without one that knows of being watched.
  package static func read(_ service: Name, in folder: String) -> Glance? {
    guard let text = (try? Files.read(path(service, folder), limit: 1 << 20)) ?? nil else {
      return nil
    }
    return try? JSONDecoder().decode(Glance.self, from: Data(text.utf8))
  }
}
