package import CanaryCore

/// Makes Nginx serve what the states of several services at rest say, with one test and one reload
/// for all of them.
///
/// Each is decided and saved as its own driver would, before Nginx is asked and after it has
/// answered.
package struct JointApply: Sendable {
  private let desk: Desk
  private let router: any Router
  private let actor: Actor
  private let first: @Sendable (Service) async -> ServiceState

  /// What became of one service.
  package enum Outcome: Sendable {
    /// Workers serve it, and did so before: nothing was written, nothing reloaded.
    case unchanged(ServiceState)
    case served(ServiceState)
    case refused(Refusal)
    case failed(Fault)
  }

  /// `first` makes the state of a service that was never saved.
  package init(
    desk: Desk, router: any Router, actor: Actor,
    first: @escaping @Sendable (Service) async -> ServiceState
  ) {
    self.desk = desk
    self.router = router
    self.actor = actor
    self.first = first
  }

  package func run(_ services: [Service]) async -> [ServiceName: Outcome] {
    let byName = Dictionary(services.map { ($0.name, $0) }) { first, _ in first }
    var outcomes: [ServiceName: Outcome] = [:]
    var wanted: [RouterRequest] = []
    for (service, state) in await served(services) {
      try? await router.release(service)
      outcomes[service] = .unchanged(state)
    }
    let left = services.filter { outcomes[$0.name] == nil }
    outcomes.merge(await submit(left.map { ($0, .apply(actor)) }, &wanted)) { $1 }
    // A later generation in place is answered by one above it, as often as a driver would be patient.
    for _ in 0..<5 where !wanted.isEmpty {
      let requests = wanted
      wanted = []
      let faults = await router.apply(requests)
      var answers: [(service: Service, event: Event)] = []
      for request in requests {
        guard let service = byName[request.service] else { continue }
        answers.append((service, Self.event(request, faults[request.service])))
      }
      let told = await submit(answers, &wanted)
      for (service, event) in answers {
        outcomes[service.name] = told[service.name]
        if case .applyFailed(_, let fault) = event, case .served? = told[service.name] {
          outcomes[service.name] = .failed(fault)
        }
      }
    }
    for request in wanted {
      outcomes[request.service] = .failed(
        Fault("later generations than \(request.generation) are put in place all the time"))
    }
    return outcomes
  }

  /// What Nginx answered to a request.
  private static func event(_ request: RouterRequest, _ fault: RouterError?) -> Event {
    switch fault?.kind {
    case nil: .applied(request.generation)
    case .overtaken(let found)?: .overtaken(request.generation, by: found)
    case .refused?, .cancelled?:
      .applyFailed(request.generation, fault?.fault ?? Fault("not wanted any more"))
    }
  }

  /// The states of those that workers serve as they would be written now.
  private func served(_ services: [Service]) async -> [ServiceName: ServiceState] {
    var states: [ServiceName: ServiceState] = [:]
    var requests: [RouterRequest] = []
    let now = desk.clock.now()
    for service in services {
      guard let state = try? await desk.store.load(service.name)?.value, state.running == nil,
        state.asked == nil, let serving = state.serving,
        serving.routing == state.resting(at: now)
      else { continue }
      states[service.name] = state
      requests.append(
        RouterRequest(
          service: service.name, routing: serving.routing, generation: serving.generation))
    }
    let served = requests.isEmpty ? [] : await router.served(requests)
    return states.filter { served.contains($0.key) }
  }

  /// Saves the decisions on the events; what they ask of Nginx is added to `wanted`.
  ///
  /// The answer of Nginx is worth more than one try: without it the service has pending work.
  private func submit(
    _ events: [(service: Service, event: Event)], _ wanted: inout [RouterRequest]
  ) async -> [ServiceName: Outcome] {
    let byName = Dictionary(events.map { ($0.service.name, $0.service) }) { first, _ in first }
    var fault = Fault("the state could not be saved")
    for attempt in 0..<3 {
      if attempt > 0 { await desk.clock.sleep(until: desk.clock.now() + .seconds(1)) }
      do throws(StoreError) {
        let decisions = try await desk.submit(events.map { ($0.service.name, $0.event) }) { index in
          await first(events[index].service)
        }
        var outcomes: [ServiceName: Outcome] = [:]
        for ((service, _), decision) in zip(events, decisions) {
          outcomes[service.name] = await outcome(of: decision, service.name, &wanted)
        }
        return outcomes
      } catch {
        if case .unavailable(let why) = error { fault = why }
      }
    }
    return byName.mapValues { _ in .failed(fault) }
  }

  private func outcome(
    of decision: Decision, _ service: ServiceName, _ wanted: inout [RouterRequest]
  ) async -> Outcome {
    if let refusal = decision.refusal { return .refused(refusal) }
    for effect in decision.effects {
      switch effect {
      case .apply(let routing, let generation):
        wanted.append(
          RouterRequest(service: service, routing: routing, generation: generation))
      case .release: try? await router.release(service)
      // Only a rollout has these; a hook that is due waits for a driver.
      case .brake, .forgetFormer, .look, .measure, .wake, .preflight, .run, .end: break
      }
    }
    return .served(decision.state)
  }
}
