/// What an entry of the history tells; the words are part of the contract.
package enum HistoryEvent: String, Hashable, Sendable, CaseIterable {
  // What a person wants to know: changes of state, and what holds one up.
  case scheduled, cancelled, missed, started, stage, held
  case awaitingApproval = "awaiting_approval"
  case approved, rejected, paused, resumed, advanced, reverting, reverted, promoted
  case hookFailed = "hook_failed"
  case sourceError = "source_error"
  case standingGuard = "guard"
  case frozen, thawed
  case noticeFailed = "notice_failed"
  // What explains the rest.
  case verdict, preflight, hook
  case hookDropped = "hook_dropped"
  case apply
  case applyFailed = "apply_failed"
  case refused
  /// A word in the store that this program does not know: written by another one, or changed by hand.
  case unknown

  /// Those that a receiver of notices hears of when its config names none, in the order of the reference.
  package static let usual = Array(known.prefix { $0 != .verdict })
  /// Every event that is ever written, in the order of the reference.
  package static let known = allCases.filter { $0 != .unknown }
}
