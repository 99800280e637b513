internal import CanaryCore

/// Which checks of a stage are in trouble, as far as a log should say so.
///
/// A check that goes back and forth must not fill the log: a few lines at once, and one more for
/// each `refill` after that. What is not said is counted.
struct TroubledChecks {
  struct Line {
    var label: String
    var text: String
    var mark = PipelineLog.Item.Mark.plain
  }

  private struct Known {
    var verdict: Verdict
    var detail = ""
    var isAdvisory = false
    var hasPassed = false
    /// Whether its trouble was told, and no recovery yet.
    var isTold = false
    /// Since when nothing is known of it, after it had passed.
    var blindSince: Instant?
  }
  private var known: [CheckName: Known] = [:]
  /// The checks of this moment that got into trouble, or out of it, in their order.
  private var fresh: [CheckName] = []
  private var credit = most
  private var refilled: Instant?

  private static let most = 3
  private static let refill = Span.minutes(5)
  /// How long a check that had passed may know nothing before that is told.
  private static let blindness = Span.seconds(30)

  /// A new stage measures every check anew.
  mutating func forgetStage() {
    known = [:]
    fresh = []
  }

  /// Takes an entry such as `errors: pending: 12% > 5% over 40 requests`.
  mutating func take(_ entry: Entry, _ plan: Plan, stage: Int?) {
    let parts = (entry.detail ?? "").split(
      separator: ": ", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, let name = CheckName(String(parts[0])),
      let verdict = Verdict(rawValue: String(parts[1]))
    else { return }
    var one = known[name] ?? Known(verdict: .pending)
    one.verdict = verdict
    one.detail = String(parts[2])
    one.isAdvisory =
      stage.map { index in
        plan.checks(stage: index).contains { $0.name == name && $0.advisory }
      } ?? false
    one.blindSince =
      verdict == .inconclusive && one.hasPassed && !one.isTold ? entry.time : nil
    if verdict == .pass { one.hasPassed = true }
    known[name] = one
    if !fresh.contains(name) { fresh.append(name) }
  }

  /// The lines of the moment whose entries were all taken.
  mutating func lines(at now: Instant) -> [Line] {
    defer { fresh = [] }
    let worse = fresh.filter { name in
      guard let one = known[name], !one.isTold else { return false }
      switch one.verdict {
      case .pending, .error: return true
      // The line of the revert says it.
      case .fail: return one.isAdvisory
      case .pass, .inconclusive: return false
      }
    }
    let better = fresh.filter { known[$0].map { $0.isTold && $0.verdict == .pass } ?? false }
    let lines = [line("trouble", worse, .warning, now), line("recovered", better, .plain, now)]
    for name in better { known[name]?.isTold = false }
    return lines.compactMap(\.self)
  }

  /// The line of checks that had passed and have known nothing for a while.
  mutating func lasting(at now: Instant) -> [Line] {
    let blind = known.keys.sorted().filter { name in
      known[name]?.blindSince.map { now - $0 >= Self.blindness } ?? false
    }
    for name in blind { known[name]?.blindSince = nil }
    return line("trouble", blind, .warning, now).map { [$0] } ?? []
  }

  private mutating func line(
    _ label: String, _ names: [CheckName], _ mark: PipelineLog.Item.Mark, _ now: Instant
  ) -> Line? {
    guard let first = names.first, let one = known[first], spend(now) else { return nil }
    for name in names { known[name]?.isTold = true }
    let advisory = one.isAdvisory ? " (advisory)" : ""
    let others = names.dropFirst().map(\.text).joined(separator: ", ")
    let more = others.isEmpty ? "" : " · also \(others)"
    return Line(label: label, text: "\(first)\(advisory): \(one.detail)\(more)", mark: mark)
  }

  /// Whether one more line may be said.
  mutating func spend(_ now: Instant) -> Bool {
    if Instant.isPast(Self.refill, since: refilled, at: now) {
      if refilled != nil { credit = min(Self.most, credit + 1) }
      refilled = now
    }
    guard credit > 0 else { return false }
    credit -= 1
    return true
  }
}
