internal import CSystem
package import CanaryCore
package import CanaryDriver
internal import FoundationEssentials
internal import Glibc
internal import Synchronization

/// What a driver measures now, in a file for watchers; written only while there are any.
package final class LiveSnapshotFile: Sendable {
  private struct Latest {
    var snapshot: LiveSnapshot?
    /// When it was last checked whether anyone watches.
    var looked: Instant?
  }

  private let watchers: Watchers
  private let path: String
  private let kept = Mutex(Latest())

  package init(_ service: ServiceName, _ watchers: Watchers) {
    path = watchers.run.snapshot(service)
    self.watchers = watchers
  }

  /// The shortest time between two checks, and so between two writes.
  private static let interval = Span.seconds(0.5)

  /// Adds the state that the driver decided on, and writes the file if it is watched.
  ///
  /// Write errors are ignored: only watchers miss something.
  package func saw(_ state: ServiceState, at now: Instant) {
    let snapshot: LiveSnapshot? = kept.withLock { kept in
      if kept.snapshot?.goOn(state, at: now) != true {
        // Between two stages, the values of the last minutes are kept.
        if let running = state.running, running.number == kept.snapshot?.rollout { return nil }
        if kept.snapshot != nil { unlink(path) }
        kept.snapshot = LiveSnapshot(state, at: now)
      }
      guard kept.snapshot != nil, Instant.isPast(Self.interval, since: kept.looked, at: now) else {
        return nil
      }
      kept.looked = now
      return watchers.areThere(now) ? kept.snapshot : nil
    }
    guard let snapshot, let bytes = try? JSONEncoder().encode(snapshot) else { return }
    try? Files.replace(path, with: String(decoding: bytes, as: UTF8.self), isSynced: false)
  }

  /// What the service's driver last wrote; nil without a file.
  ///
  /// A driver writes none while unwatched.
  package static func read(_ service: ServiceName, in run: RunFolder) -> LiveSnapshot? {
    guard let text = Files.ownContents(run.snapshot(service), limit: 1 << 20) else {
      return nil
    }
    return try? JSONDecoder().decode(LiveSnapshot.self, from: Data(text.utf8))
  }
}

/// Whether anyone on this host watches.
///
/// One for all drivers of a process, so that the file's time is read only a few times a second.
package final class Watchers: Sendable {
  private struct Attention {
    var areThere = false
    var asked: Instant?
    var isPrepared = false
  }

  let run: RunFolder
  private let last = Mutex(Attention())

  package init(in run: RunFolder) { self.run = run }

  /// For how long after its last sign a watcher counts.
  private static let attention = Span.seconds(5)
  private static let interval = Span.seconds(0.2)

  /// Whether a watcher has given a sign in the last 5 s; cached for 0.2 s.
  func areThere(_ now: Instant) -> Bool {
    last.withLock { last in
      if let asked = last.asked, now >= asked, now - asked < Self.interval { return last.areThere }
      last.asked = now
      let touched = Files.signature(of: run.watched)
      if last.isPrepared != true { last.isPrepared = Self.prepare(run, touched) }
      last.areThere = touched.map { now - $0.time <= Self.attention } ?? false
      return last.areThere
    }
  }

  /// Makes the file that the group of the folder may touch, and nobody else.
  ///
  /// One of 0.1.0 is open to everybody.
  private static func prepare(_ run: RunFolder, _ found: Files.Signature?) -> Bool {
    guard let file = try? Files.openOwn(run.watched, O_WRONLY | O_CREAT, mode: 0o660, "cannot make")
    else { return false }
    defer { close(file) }
    fchmod(file, 0o660)
    // Nobody has watched yet.
    if found == nil {
      let times = [timespec(tv_sec: 0, tv_nsec: 0), timespec(tv_sec: 0, tv_nsec: 0)]
      futimens(file, times)
    }
    return true
  }

  /// Tells every driver of the host that someone watches; to be repeated within 5 s.
  package static func watch(in run: RunFolder) {
    guard
      let file = try? Files.openOwn(
        run.watched, O_WRONLY | O_CREAT, mode: 0o660, "cannot touch")
    else { return }
    futimens(file, nil)
    close(file)
  }
}
