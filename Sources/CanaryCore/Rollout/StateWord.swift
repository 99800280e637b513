/// The contract's word for the phase of a service.
package enum StateWord: String, Hashable, Sendable {
  case idle, scheduled, starting, soaking, paused
  case awaitingApproval = "awaiting_approval"
  case reverting, reverted, promoted
}

/// The contract's word for the result of a rollout, or for one that is running.
package enum ResultWord: String, Hashable, Sendable {
  case promoted, reverted, stopped, running
}

extension ServiceState {
  package var word: StateWord {
    if running == nil, scheduled != nil { return .scheduled }
    guard let rollout else { return .idle }
    switch rollout.phase {
    case .starting, .soaking:
      if rollout.awaitedApproval != nil { return .awaitingApproval }
    case .applying, .finishing, .paused, .reverting, .promoted, .reverted: break
    }
    switch rollout.phase {
    case .starting: return .starting
    case .applying(let stage, _): return stage == 0 ? .starting : .soaking
    case .soaking, .finishing: return .soaking
    case .paused: return .paused
    case .reverting: return .reverting
    case .promoted: return .promoted
    case .reverted: return .reverted
    }
  }
}

extension Rollout {
  package var result: ResultWord {
    switch phase {
    case .promoted: .promoted
    case .reverted(let reason): reason.kind == .person ? .stopped : .reverted
    case .starting, .applying, .soaking, .paused, .finishing, .reverting: .running
    }
  }
}
