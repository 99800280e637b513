package import CanaryCore
internal import CanaryDriver

/// What a person asks of the controller: names and numbers alone.
///
/// What is run, asked or rendered by it comes from the controller's own config.
package struct ControlRequest: Codable, Sendable {
  package enum Act: String, Codable, Sendable {
    case promote, schedule, revert, pause, resume, advance, cancel, freeze, thaw, approve, reject
  }
  package var act: Act
  /// Nil: the services that come later, of `freeze` and `thaw`.
  package var service: ServiceName?
  package var reason: String?
  package var until: Instant?
  package var to: PoolName?
  package var release: String?
  package var meta: Meta?
  package var plan: String?
  package var at: Instant?
  package var inWindow: Bool?
  /// The share of the stage that is to be the next one.
  package var weight: Weight?
  /// The digest of the config that the person's program has read.
  package var config: String?
  /// The one rollout that a revert is meant for; nil: whichever runs.
  package var rollout: Int?
  /// The user that `sudo` names, and where the person says that it sits.
  package var sudo: UInt32?
  package var claim: String?

  private init(_ act: Act, _ service: ServiceName?) {
    self.act = act
    self.service = service
  }

  /// The request for an event; nil when that is nobody's to ask for.
  package init?(_ event: Event, of service: ServiceName) {
    switch event {
    case .promote(let request):
      self.init(.promote, service)
      set(request)
    case .schedule(let schedule):
      self.init(.schedule, service)
      set(schedule.request)
      at = schedule.at
      inWindow = schedule.inWindow
    case .revert(_, let why):
      self.init(.revert, service)
      reason = why
    case .revertOnly(let number, _, let why):
      self.init(.revert, service)
      rollout = number
      reason = why.text
    case .pause: self.init(.pause, service)
    case .resume: self.init(.resume, service)
    case .advance(_, let weight):
      self.init(.advance, service)
      self.weight = weight
    case .cancel: self.init(.cancel, service)
    case .freeze(let freeze):
      self.init(.freeze, service)
      set(freeze)
    case .thaw: self.init(.thaw, service)
    case .approve(_, let why):
      self.init(.approve, service)
      reason = why
    case .reject(_, let why):
      self.init(.reject, service)
      reason = why
    case .woke, .tookOver, .looked, .measured, .applied, .applyFailed, .overtaken, .apply, .ran,
      .preflighted, .guarded:
      return nil
    }
  }

  /// The request for a freeze of the services that come later; nil ends it.
  package init(later freeze: Freeze?) {
    self.init(freeze == nil ? .thaw : .freeze, nil)
    if let freeze { set(freeze) }
  }

  private mutating func set(_ request: PromoteRequest) {
    to = request.to
    release = request.release
    meta = request.meta
    plan = request.plan.name
    reason = request.reason
  }

  private mutating func set(_ freeze: Freeze) {
    reason = freeze.reason
    until = freeze.until
  }
}

/// What the controller answers.
package struct ControlAnswer: Codable, Sendable {
  /// The state after the decision; nil where there was none.
  package var state: ServiceState?
  /// Why it was refused, and whether that is busy, wrong or nothing to do.
  package var busy: String?
  package var wrong: String?
  package var nothing: String?
  /// What failed, and what to do about it.
  package var fault: String?
  package var hint: String?
  /// Whether what was asked is at fault, not the world.
  package var isWrong: Bool?

  package init() {}

  package init(_ decision: Decision) {
    state = decision.state
    switch decision.refusal {
    case .busy(let why)?: busy = why
    case .wrong(let why)?: wrong = why
    case .nothing(let why)?: nothing = why
    case nil: break
    }
  }

  /// The decision; nil when there was none.
  package var decision: Decision? {
    guard let state else { return nil }
    var decision = Decision(state)
    decision.refusal =
      busy.map(Refusal.busy) ?? wrong.map(Refusal.wrong) ?? nothing.map(Refusal.nothing)
    return decision
  }
}
