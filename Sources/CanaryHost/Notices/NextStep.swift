internal import CanaryCore

/// What whoever gets a notice can do about it, with the command to type.
struct NextStep: Hashable, Sendable {
  let english: String
  let chinese: String

  private init(_ english: String, _ chinese: String) {
    self.english = english
    self.chinese = chinese
  }

  /// The step after an event of a service, or of all of them; nil: there is nothing to do.
  static func after(
    _ event: HistoryEvent, of service: ServiceName?, _ rollout: Rollout?, zone: Zone,
    at time: Instant
  ) -> NextStep? {
    let name = service?.text ?? "SERVICE"
    let back = "canary revert \(name)"
    switch event {
    case .scheduled:
      return NextStep("to call it off: canary cancel \(name)", "取消排期：canary cancel \(name)")
    case .missed, .cancelled, .thawed, .rejected:
      return NextStep("to begin: canary promote \(name)", "开始发布：canary promote \(name)")
    case .started, .stage, .approved, .resumed, .advanced:
      return NextStep("to stop it: \(back)", "停止发布：\(back)")
    case .awaitingApproval:
      return NextStep(
        "to let it go on: canary approve \(name); to send it back: canary reject \(name)",
        "批准：canary approve \(name)；驳回：canary reject \(name)")
    case .paused:
      return NextStep(
        "to go on: canary resume \(name); to go back: \(back)",
        "继续：canary resume \(name)；回滚：\(back)")
    case .reverting:
      return NextStep("to watch it: canary status \(name)", "查看：canary status \(name)")
    case .reverted:
      let report = ["canary report \(name)", rollout.map { "\($0.number)" }].compactMap(\.self)
        .joined(separator: " ")
      let what = rollout?.release ?? rollout?.to.text ?? name
      return NextStep(
        "fix \(what), then promote again; what happened: \(report)",
        "修复 \(what) 后重新发布；经过：\(report)")
    case .promoted:
      guard case .promoted(let until)? = rollout?.phase else { return nil }
      let end = zone.text(until, near: time)
      return NextStep("to go back until \(end): \(back)", "\(end) 之前可以退回：\(back)")
    case .braked:
      return NextStep(
        "to see why: canary status \(name); to go back for good: \(back)",
        "查看原因：canary status \(name)；彻底退回：\(back)")
    case .frozen: return NextStep("to end it: canary thaw \(name)", "解除冻结：canary thaw \(name)")
    case .sourceError, .applyFailed:
      return NextStep("to see what is wrong: canary check", "查找原因：canary check")
    case .noticeFailed:
      return NextStep(
        "correct the receiver in `notify`, then: canary check",
        "修正 `notify` 中的接收方，然后：canary check")
    case .held, .standingGuard, .hookFailed:
      return NextStep("to see it: canary status \(name)", "查看：canary status \(name)")
    case .configured, .refused:
      return NextStep("to see who and why: canary audit \(name)", "查看何人何因：canary audit \(name)")
    case .verdict, .preflight, .hook, .hookDropped, .apply, .unknown: return nil
    }
  }
}
