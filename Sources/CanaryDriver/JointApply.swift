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
    for service in services {
      if let state = await served(service.name) {
        try? await router.release(service.name)
        outcomes[service.name] = .unchanged(state)
      } else {
        outcomes[service.name] = await submit(.apply(actor), service, &wanted)
      }
    }
    // A later generation in place is answered by one above it, as often as a driver would be patient.
    for _ in 0..<5 where !wanted.isEmpty {
      let requests = wanted
      wanted = []
      let faults = await router.apply(requests)
      for request in requests {
        guard let service = byName[request.service] else { continue }
        let fault = faults[request.service]
        let event: Event =
          switch fault?.kind {
          case nil: .applied(request.generation)
          case .overtaken(let found)?: .overtaken(request.generation, by: found)
          case .refused?, .cancelled?:
            .applyFailed(request.generation, fault?.fault ?? Fault("not wanted any more"))
          }
        let outcome = await submit(event, service, &wanted)
        if case .applyFailed(_, let fault) = event, case .served = outcome {
          outcomes[request.service] = .failed(fault)
        } else {
          outcomes[request.service] = outcome
        }
      }
    }
    for request in wanted {
      outcomes[request.service] = .failed(
        Fault("later generations than \(request.generation) are put in place all the time"))
    }
    return outcomes
  }

  /// The state, if workers serve it as it would be written now.
  private func served(_ service: ServiceName) async -> ServiceState? {
    guard let state = try? await desk.store.load(service)?.value, state.running == nil,
      state.asked == nil, let serving = state.serving,
      serving.routing == state.resting(at: desk.clock.now())
    else { return nil }
    let request = RouterRequest(
      service: service, routing: serving.routing, generation: serving.generation)
    return await router.isServed(request) ? state : nil
  }

  /// Saves the decision on the event; what it asks of Nginx is added to `wanted`.
  ///
  /// The answer of Nginx is worth more than one try: without it the service has pending work.
  private func submit(
    _ event: Event, _ service: Service, _ wanted: inout [RouterRequest]
  ) async -> Outcome {
    var fault = Fault("the state could not be saved")
    for attempt in 0..<3 {
      if attempt > 0 { await desk.clock.sleep(until: desk.clock.now() + .seconds(1)) }
      do throws(StoreError) {
        let decision = try await desk.submit(
          event, for: service.name, first: { await first(service) }
        )
        .decision
        if let refusal = decision.refusal { return .refused(refusal) }
        for effect in decision.effects {
          switch effect {
          case .apply(let routing, let generation):
            wanted.append(
              RouterRequest(service: service.name, routing: routing, generation: generation))
          case .release: try? await router.release(service.name)
          // Only a rollout has these; a hook that is due waits for a driver.
          case .brake, .forgetFormer, .look, .measure, .wake, .preflight, .run, .end: break
          }
        }
        return .served(decision.state)
      } catch {
        if case .unavailable(let why) = error { fault = why }
      }
    }
    return .failed(fault)
  }
}
