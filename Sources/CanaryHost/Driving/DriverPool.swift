internal import CanaryAdapters
package import CanaryCore
package import CanaryDriver
internal import Synchronization

/// What a controller needs to drive this host: which services have pending work, and a driver for
/// each.
package final class DriverPool: Sendable {
  /// The world of the config as last read; a running drive keeps the one that it started with.
  private let current: Mutex<World>
  /// Services with pending work that are missing from the config; each is reported once.
  private let reportedMissing = Mutex<Set<ServiceName>>([])
  /// What was reported last of services whose state cannot be read.
  private let reportedFaults = Mutex<[ServiceName: String]>([:])

  /// Wakes the drivers of this process.
  package let bell: Bell
  private let watch: HostWatch

  package init(_ world: World) {
    current = Mutex(world)
    let watch = HostWatch(world)
    self.watch = watch
    bell = Bell(clock: world.clock, executor: world.executor) {
      (await watch.version(), await watch.braked())
    }
  }

  package var world: World {
    get { current.withLock { $0 } }
    set { current.withLock { $0 = newValue } }
  }

  /// The services that have pending work in the store, or a brake on.
  ///
  /// Logs, once for each, those that are missing from the config.
  package func pending() async -> [ServiceName] {
    let world = world
    let due = await watch.due()
    for name in due where !world.config.has(name) {
      guard reportedMissing.withLock({ $0.insert(name).inserted }) else { continue }
      world.log(
        "canary controller: \(name) is owed something, but is not in \(world.config.file): nobody drives it"
      )
    }
    return Set(due).union(await watch.braked()).sorted()
  }

  /// A drive of the service.
  ///
  /// Nil when it has no work now, is not in the config, or another process drives it.
  package func drive(_ name: ServiceName) async -> Drive? {
    let world = world
    guard let service = world.config.service(name), let state = await state(of: name, world),
      await isDue(state, world),
      let lease = (try? DriveSession.acquire(world, service)) ?? nil
    else { return nil }
    let driver = world.driver(service, bell: bell)
    return Drive(
      run: { await Self.drive(driver, world, service, state, lease) }, drain: { driver.drain() })
  }

  /// The saved state; nil: there is none, or it cannot be read, which is logged once.
  private func state(of name: ServiceName, _ world: World) async -> ServiceState? {
    do throws(StoreError) {
      let saved = try await world.states.load(name)
      reportedFaults.withLock { $0[name] = nil }
      return saved?.value
    } catch {
      let text = Failure(error).text
      let isNew = reportedFaults.withLock { $0.updateValue(text, forKey: name) != text }
      if isNew { world.log("canary controller: \(name) cannot be driven: \(text)") }
      return nil
    }
  }

  private func isDue(_ state: ServiceState, _ world: World) async -> Bool {
    let now = world.clock.now()
    if state.running != nil || state.asked != nil || state.job(at: now) != nil { return true }
    if let due = state.tidyDue, due <= now { return true }
    if let scheduled = state.scheduled, scheduled.earliest <= now {
      // Freeze and calendar forbid a start now: a driver would only wait.
      let calendar = world.live.calendar(of: state.service)
      let mayBegin = state.freeze(at: now) == nil && calendar.isOpen(at: now)
      if mayBegin || scheduled.latest.map({ $0 < now }) ?? false { return true }
    }
    return await world.router.brakeNote(state.service)?.by == .person
  }

  /// Whether what lets requests meet the canary is gone, as after a reboot.
  private static func hasLostSet(_ world: World, _ state: ServiceState) async -> Bool {
    guard let serving = state.serving else { return false }
    var generations = [serving.generation]
    // The former driver may have reached the stage, and not have come to save that.
    if case .applying(_, let next)? = state.running?.phase { generations.append(next) }
    for generation in generations {
      if await world.router.isInForce(state.service, serving.routing, generation) { return false }
    }
    return true
  }

  /// Drives one service until it has no pending work, and logs the result.
  ///
  /// A running rollout is taken over. At rest with a person's brake on, that person's revert is
  /// saved first and the brake released afterwards.
  package static func drive(
    _ driver: Driver, _ world: World, _ service: Service, _ state: ServiceState, _ lease: any Lease
  ) async {
    let note = await world.router.brakeNote(service.name)
    let event: Event
    switch state.running?.phase {
    case .starting?: event = .woke
    case nil:
      // A person's brake at rest: a revert that could not be saved when it was asked for.
      event =
        note?.by == .person ? .revert(Actor(note?.actor ?? "reportedMissing"), note?.reason) : .woke
    case .some:
      let isLost = note == nil ? await hasLostSet(world, state) : false
      event = .tookOver(Actor("controller"), isLost: isLost)
    }
    do throws(Failure) {
      let rest = try await DriveSession.run(
        driver, event, world: world, service: service, lease: lease, patience: nil)
      if let rest, rest.running == nil {
        if state.running == nil, note?.by == .person {
          try? await world.router.release(service.name)
        }
        world.log("canary controller: \(service.name): \(Wording.sentence(rest))")
      }
    } catch {
      world.log("canary controller: \(service.name): \(error.text)")
    }
  }

  /// Sends systemd one status line, and the watchdog's sign of life.
  package func report(_ driven: [ServiceName], _ isDraining: Bool) {
    let all = Text.count(world.config.services.count, "service")
    let names = driven.prefix(5).map(\.text).joined(separator: ", ")
    let more = driven.count > 5 ? " and \(driven.count - 5) more" : ""
    let what =
      isDraining
      ? "stopping; leaving \(driven.count)"
      : driven.isEmpty ? "watching" : "driving \(names)\(more)"
    ServiceManager.tell("WATCHDOG=1", "STATUS=\(what) of \(all)")
  }
}
