internal import CanaryCore
internal import CanaryDriver
internal import Glibc

/// One attempt to make running workers serve a routing by seats.
///
/// The text is installed only where it differs from what they run; what changes from stage to stage
/// is the set.
struct SeatInstallation {
  let installation: Installation
  let request: RouterRequest

  private var service: ServiceName { request.service }
  private var routing: Routing { request.routing }
  private var generation: Generation { request.generation }
  private var router: NginxRouter { installation.router }
  private var sets: SeatSets { SeatSets(router.config.run, service) }
  private var other: PoolName { routing.canary ?? routing.stable }

  /// The number of brakes so far: what is under way may only go on while it stands.
  var stops: Int { sets.stops }

  func install() throws(RouterError) {
    let stops = stops
    if routing.isReverted, try leadsToStable() { return }
    // A revert that needs a text gets the one in which only stable is in play.
    if routing.isReverted {
      var rest = request
      rest.routing = .resting(on: routing.stable)
      return try Self(installation: installation, request: rest).install()
    }
    let rules = try router.renderer.rules(service, routing)
    guard rules.seatForm == .rollout else {
      // Asked for by itself, and so under a number of its own, unless there is nothing to change.
      var isDone = false
      if rules.seatForm == .rest { isDone = try isInPlace() }
      if !isDone {
        try begin(since: stops)
        try router.install(request, by: installation)
      }
      return end(since: stops)
    }
    sets.forgetFormer()
    if try !isInPlace() {
      try begin(since: stops)
      try router.install(request, by: installation)
    }
    try installation.checkStop()
    try checkOvertaken()
    let outcome = try refusing { () throws(FileError) in
      try sets.put(rules.metSeats, generation, routing.stable, other, stops: stops)
    }
    guard outcome == .set else { throw braked() }
    try verify(("g\(generation)", true))
  }

  private func braked() -> RouterError {
    RouterError(.refused, "the brake was put on while generation \(generation) was being set")
  }

  /// Throws when a set of a later generation is in force, such as the one that a revert leaves.
  private func checkOvertaken() throws(RouterError) {
    if let found = sets.newest, found > generation {
      throw RouterError(.overtaken(found), "the set of generation \(found) is in force")
    }
  }

  /// Whether live workers run the very text that this routing needs.
  private func isInPlace() throws(RouterError) -> Bool {
    guard let header = router.header(service), header.hasSeats else { return false }
    var present = request
    present.generation = header.generation
    return installation.isServed(try router.order(present))
  }

  /// Before the roles are exchanged: has a worker prove that it saw the last stage.
  ///
  /// Where workers cannot enter the folder, the stage let nobody meet the canary, and a promotion
  /// would show it to everybody at once.
  private func confirmStage() throws(RouterError) {
    let probe = router.config.probe(service)
    for _ in 0..<20 {
      guard let last = sets.generation(other, routing.stable), last.number > 0 else { return }
      guard let answer = try? probe.query(service, asking: "g\(last)") else { continue }
      // Its text may have been exchanged before this process took over.
      if answer.isMet || answer.base != other { return }
      usleep(2000)
    }
    if sets.generation(other, routing.stable) != nil { throw unseen() }
  }

  /// What must be so before workers get a new text; throws when a brake or a revert came in between.
  func begin(since stops: Int) throws(RouterError) {
    if let until = routing.brakeUntil {
      try confirmStage()
      // Before the roles are exchanged: from here on a revert leads to the former pool, by the old
      // text and by the new one.
      try refusing { () throws(FileError) in
        try sets.keepFormer(other, of: routing.stable, until: until)
      }
    } else {
      sets.forgetFormer()
    }
    let former = router.header(service)
    let isOther =
      former?.hasSeats != true || former?.routing?.stable != routing.stable
      || former?.routing?.canary != routing.canary
    // A set that is left from another time must not meet the text that is new.
    if isOther { sets.empty(routing.stable, other) }
    // An exchange of roles is named by now: a revert looks for that name after it has left a set of
    // its own, so either it places a text or its set is seen here.
    try checkOvertaken()
    guard routing.brakeUntil == nil || stops == sets.stops else { throw braked() }
  }

  /// At rest there is no set, but for the one of a brake that was put on meanwhile.
  func end(since stops: Int) { sets.end(routing.stable, other, since: stops) }

  /// Removes every set, and has a worker prove it; false: the text leads elsewhere by itself.
  private func leadsToStable() throws(RouterError) -> Bool {
    // While roles are exchanged another process may still install text that leads elsewhere.
    guard sets.former(at: SystemClock.now) == nil else { return false }
    // Where the file cannot be read, the workers' own word below is what counts.
    if let header = router.header(service) {
      guard header.hasSeats, header.routing?.stable == routing.stable,
        header.routing?.canary == routing.canary
      else { return false }
    }
    // On a file system that is read-only now, a text that looks for no set is what is left.
    if (try? sets.lead(to: routing.stable, at: SystemClock.now)) == nil { return false }
    if let answer = try? router.config.probe(service).query(service), !answer.looksForSet,
      answer.base == routing.stable
    {
      return true
    }
    // Without the set that names the generation nothing is lost but that name.
    _ = try? sets.put([], generation, routing.stable, other, stops: nil)
    if sets.former(at: SystemClock.now) != nil { return false }
    // Where workers do not see it, such as in a container with another folder, they say at least
    // that nobody meets the canary.
    if (try? verify(("g\(generation)", true), within: .seconds(0.5))) == nil {
      for seat in ["0", Seating.preview, Seating.everybody] { try verify((seat, false)) }
    }
    // A worker has just answered, so one that does not now is on its way out, or the host is busy.
    for _ in 0..<3 {
      if let answer = try? router.config.probe(service).query(service) {
        return answer.base == routing.stable
      }
    }
    return false
  }

  /// Has workers say whether a name stands in their set; a rename is in effect with their next
  /// request.
  private func verify(_ wanted: (name: String, isMet: Bool), within limit: Span? = nil)
    throws(RouterError)
  {
    let probe = router.config.probe(service)
    let start = SystemClock.uptime
    var run = 0
    var last: WorkerProbe.NoAnswer?
    // Nginx listens all the time, also during a reload: who waits longer waits for nothing.
    let silence = min(limit ?? router.config.nginx.verify, .seconds(2))
    while SystemClock.uptime - start < limit ?? router.config.nginx.verify {
      if last == .nobody, SystemClock.uptime - start > silence { break }
      do throws(WorkerProbe.NoAnswer) {
        let answer = try probe.query(service, asking: wanted.name)
        last = nil
        run = answer.isMet == wanted.isMet ? run + 1 : 0
        if run == 2 { return }
      } catch {
        last = error
        run = 0
      }
      if run == 0 { usleep(2000) }
    }
    if let last {
      let fault = router.config.fault(last, service)
      throw RouterError(.refused, fault.fact, hint: fault.hint)
    }
    throw unseen()
  }

  private func unseen() -> RouterError {
    let fault = router.config.unseenSet(service)
    return RouterError(.refused, fault.fact, hint: fault.hint)
  }

  @discardableResult
  private func refusing<Value>(_ work: () throws(FileError) -> Value) throws(RouterError) -> Value {
    do throws(FileError) {
      return try work()
    } catch {
      throw RouterError(.refused, error.description, hint: "The folder `run` must be writable")
    }
  }
}
