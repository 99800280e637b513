internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary apply`: makes Nginx serve what the store and the config say now.
enum ApplyCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "apply", service: .optional,
      summary: "generate and install what the store and the config say now",
      details: """
        At the first start, and after a change of the config. Without SERVICE: every service, with one test and one reload
        of Nginx for all. What workers serve already is left alone.
        """,
      options: [
        Option(
          "--offline", nil,
          "for an Nginx that does not run yet: write and test the files, reload nothing")
      ], isActing: true)
  ) { call throws(Failure) in
    let world = try call.world()
    let services = try call.services(world)
    var run = ApplyRun(world, output: call.output, isOffline: call.has("--offline"))
    // Each service takes a lock: an open file.
    let most = max(1, ThisProcess.openFiles() - 128)
    for start in stride(from: 0, to: services.count, by: most) {
      await run.apply(Array(services[start..<min(start + most, services.count)]))
    }
    await GateChanges.note(world)
    return run.worst
  }
}

/// One call of `canary apply`, and what it came to.
private struct ApplyRun {
  private let world: World
  private let output: Output
  private let isOffline: Bool
  private(set) var worst = ExitCode.done

  init(_ world: World, output: Output, isOffline: Bool) {
    self.world = world
    self.output = output
    self.isOffline = isOffline
  }

  mutating func apply(_ services: [Service]) async {
    var leases: [any Lease] = []
    var mine: [Service] = []
    for service in services {
      do throws(Failure) {
        leases.append(try await prepare(service))
        mine.append(service)
      } catch {
        tell(service, error)
      }
    }
    await isOffline ? write(mine) : install(mine)
    withExtendedLifetime(leases) {}
  }

  private mutating func tell(_ service: Service, _ failure: Failure) {
    output.err("canary apply: \(service.name): \(failure.text)")
    // What failed outside outranks what was only busy: something must be mended.
    if worst != .outside { worst = failure.code }
  }

  /// The right to drive the service, which is at rest.
  private func prepare(_ service: Service) async throws(Failure) -> any Lease {
    try await DriveSession.settle(world, service)
    guard let lease = try DriveSession.acquire(world, service, patience: .seconds(1), marked: false)
    else {
      throw Failure(.busy, "another process drives this service. Nothing was touched.")
    }
    await tellAdopted(service)
    if let rollout = try await world.load(service).running {
      throw Failure(
        .busy, "rollout \(rollout.number) is running; apply when it is over. Nothing was touched.")
    }
    return lease
  }

  /// Says so when the store knows nothing, and what is installed leads elsewhere than the config.
  private func tellAdopted(_ service: Service) async {
    let found = await world.first(service).stable
    guard found != service.stable else { return }
    do throws(StoreError) {
      guard try await world.states.peek(service.name) == nil else { return }
    } catch {
      return
    }
    output.err(
      "canary: warning: nothing is saved about \(service.name), and what is installed leads to \(found): \(found) is taken as stable, not \(service.stable) as in the config"
    )
  }

  private mutating func install(_ services: [Service]) async {
    for socket in await world.router.removeStaleSockets(services.map(\.name)) {
      world.output.err("canary: removed \(socket), which a killed Nginx left behind")
    }
    let joint = JointApply(desk: world.desk, router: world.router, actor: world.actor) {
      [world] in await world.first($0)
    }
    let outcomes = await joint.run(services)
    var isServed = false
    for service in services {
      switch outcomes[service.name] {
      case .served(let state)?, .unchanged(let state)?:
        guard let serving = state.serving else { continue }
        isServed = true
        var already = ""
        if case .unchanged? = outcomes[service.name] { already = " already" }
        output.out(
          "\(service.name): Nginx serves generation \(serving.generation)\(already); all traffic is on \(state.stable)"
        )
        // Hooks that are due run as after any other event.
        if state.job(at: world.clock.now()) != nil { _ = await world.driver(service).run(.woke) }
      case .refused(.busy(let why))?, .refused(.wrong(let why))?, .refused(.nothing(let why))?:
        tell(service, Failure(.busy, why, hint: "Nothing was touched."))
      case .failed(let fault)?: tell(service, Self.failure(fault))
      case nil: tell(service, Self.failure(Fault("the state could not be saved")))
      }
    }
    if isServed, let service = services.first { await report(service) }
  }

  private static func failure(_ fault: Fault) -> Failure {
    Failure(
      .outside, fault.fact,
      hint: [fault.hint, "The former files are back in place."].compactMap(\.self)
        .joined(separator: ". "))
  }

  /// For an Nginx that cannot start without the files: writes and tests them, and does not reload.
  private mutating func write(_ services: [Service]) async {
    var requests: [RouterRequest] = []
    for service in services {
      do throws(Failure) {
        let state = try await world.load(service)
        requests.append(
          RouterRequest(
            service: service.name, routing: state.resting(at: world.clock.now()),
            generation: state.generation))
      } catch {
        tell(service, error)
      }
    }
    let faults = await world.router.prepare(requests)
    let asked = Set(requests.map(\.service))
    for service in services where asked.contains(service.name) {
      if let error = faults[service.name] {
        tell(service, Failure(.outside, error.fault))
      } else {
        output.out(
          "\(service.name): files written and tested, Nginx not told. Start it, then: canary apply \(service.name)"
        )
      }
    }
  }

  /// Prints how many workers still serve an older configuration.
  private func report(_ service: Service) async {
    let workers = await world.router.observe(service.name, .workers).workers
    guard let line = NginxReport.leaving(world, workers) else { return }
    output.out("  \(line)")
  }
}
