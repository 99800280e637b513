/// The kind of a history entry; the raw values are words of the contract.
package enum HistoryEvent: String, Hashable, Sendable, CaseIterable {
  // Sent to receivers of notices by default: changes of state, and what holds a rollout up.
  case scheduled, cancelled, missed, started, stage, held
  case awaitingApproval = "awaiting_approval"
  case approved, rejected, paused, resumed, advanced, reverting, reverted, promoted
  /// A guard has put the brake on.
  case braked
  case hookFailed = "hook_failed"
  case sourceError = "source_error"
  case standingGuard = "guard"
  case frozen, thawed
  /// The gates in the config were changed.
  case configured
  case noticeFailed = "notice_failed"
  // Details that explain the others.
  case verdict, preflight, hook
  case hookDropped = "hook_dropped"
  case apply
  case applyFailed = "apply_failed"
  case refused
  /// An unknown word in the store: written by another version, or edited by hand.
  case unknown

  /// The events that a receiver gets when its config names none, in the order of the reference.
  package static let usual = Array(known.prefix { $0 != .verdict })
  /// Every event that canary writes, in the order of the reference.
  package static let known = allCases.filter { $0 != .unknown }
}
