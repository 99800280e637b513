package import CanaryCore
internal import CanaryDriver
internal import Glibc

/// The guard process of a driver: what it does when the driver dies, or asks for the brake.
///
/// It puts the brake on unless it sees that there is no need: a call that fails, a file that is empty
/// or gone is no reason to leave a canary alone.
package struct DeadMansWatch {
  private let post: DeadMansSwitch.Post

  package init(_ post: DeadMansSwitch.Post) { self.post = post }

  /// How long after the death another driver may take over before the brake goes on.
  package static let grace = Span.seconds(0.4)

  /// Why the brake was put on.
  package struct Alarm: Sendable {
    package var reason: String
    package var rollout: Int?
  }

  /// Waits until the driver ends; returns why the brake was put on, nil: there was no need.
  package func run() -> Alarm? {
    for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] { signal(number, SIG_IGN) }
    var asked: Alarm?
    while true {
      var byte: UInt8 = 0
      let count = read(0, &byte, 1)
      if count < 0, errno == EINTR { continue }
      guard count == 1 else { break }
      if byte == DeadMansSwitch.dismissal { return asked }
      asked = brake("the driver (pid \(post.driver)) could not put it on itself") ?? asked
    }
    usleep(UInt32(Self.grace.milliseconds) * 1000)
    let (isDriven, held) = lookForDriver()
    if isDriven { return asked }
    let alarm = isNeeded ? brake("the driver (pid \(post.driver)) died") : nil
    // Held while the brake goes on, so that the next driver finds the brake and lifts it.
    withExtendedLifetime(held) {}
    return alarm ?? asked
  }

  /// Whether another driver is seen, else its lock where this process could get it.
  ///
  /// A command that only looks holds the lock for a moment; a driver keeps it, and has written its
  /// pid into it.
  private func lookForDriver() -> (isDriven: Bool, held: FileLock?) {
    let lock = post.run.lock(.drive(post.service))
    for _ in 0..<20 {
      if let held = (try? FileLock.acquire(lock, patience: .seconds(0.1), marked: false)) ?? nil {
        return (false, held)
      }
      if let pid = FileLock.lastHolder(lock), pid != post.driver, ThisProcess.isAlive(pid),
        FileLock.holder(lock) != nil
      {
        return (true, nil)
      }
    }
    return (false, nil)
  }

  /// What the store says, when it can be read.
  private var state: ServiceState? { SQLiteStore.glance(at: post.service, in: post.state) }

  /// Whether requests may meet the canary, or a promotion is under way that is not saved.
  private var isNeeded: Bool {
    let state = state
    if let state, state.running == nil { return false }
    guard let header = post.header, let routing = header.routing else { return true }
    let sets = SeatSets(post.run, post.service)
    let isMet = header.hasSeats && (routing.canary.map { sets.meets(routing.stable, $0) } ?? false)
    // A configuration from before this driver that gives the canary no share needs no brake. After
    // a promotion the brake would even lead to the former pool.
    if header.generation.number == post.generation, routing.isClean, !isMet { return false }
    // By seats no brake is needed where nobody meets the canary, and no exchange of roles is under
    // way: the driver died before its first stage, or somebody has reverted since.
    if header.hasSeats { return isMet || sets.former(at: SystemClock.now) != nil }
    // The flag of a weighted group leads where the text says; where that is not stable, the canary
    // has not got anything yet.
    return state?.running.map { Brake.leads(header, to: $0.from) } ?? true
  }

  /// Puts the brake on, again and again until it is; returns why.
  private func brake(_ reason: String) -> Alarm? {
    let rollout = state?.running
    let note = BrakeNote(by: .guard, actor: "guard", reason: reason, time: SystemClock.now)
    if Brake.note(post.run, post.service)?.by == .person { return nil }
    for _ in 0..<60 {
      let header = post.header
      if (try? Brake.put(post.run, post.service, to: rollout?.from, header: header, note)) != nil {
        break
      }
      usleep(1_000_000)
      if let pid = FileLock.holder(post.run.lock(.drive(post.service))), pid != post.driver,
        pid != 0
      {
        return nil
      }
    }
    return Alarm(reason: reason, rollout: rollout?.number)
  }
}
