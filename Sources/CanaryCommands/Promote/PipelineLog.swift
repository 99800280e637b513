package import CanaryCore
package import CanaryDriver
internal import CanaryHost

/// What a pipeline's log says of one rollout: a line for each event that a person would ask about.
///
/// A pure value: it is shown what is saved, again and again, and says what is new. So the lines are
/// the same whichever process drives the rollout, and whether it was followed or is over already.
package struct PipelineLog {
  /// One line, and what a build server is to make of it.
  package struct Item: Hashable, Sendable {
    package enum Mark: Hashable, Sendable {
      case plain, warning, error
      /// A stage begins with this line, or ends after it.
      case begins(stage: Int, title: String)
      case ends(stage: Int)
      /// A stage ended before this line.
      case left(stage: Int)
    }
    package var text: String
    package var mark: Mark = .plain
  }

  /// What is saved of the rollout at one moment.
  package struct Seen {
    package var record: RolloutRecord
    /// The state of the service; nil: it cannot be read, or is of another rollout.
    package var state: ServiceState?
    /// Requests by pool and second; only looked at when `wantsCounts`.
    package var slices: [LogSlice] = []
    package var calendar = Calendar()
    package var now: Instant

    package init(_ record: RolloutRecord, _ state: ServiceState?, now: Instant) {
      self.record = record
      self.state = state
      self.now = now
    }
  }

  let service: ServiceName
  let zone: Zone
  /// How many entries were looked at.
  private var read = 0
  /// The stage whose lines these are, and since when.
  var stage: (index: Int, began: Instant)?
  var checks = TroubledChecks()
  /// When the last line was made, of the time that it tells.
  var lastLine: Instant?
  /// Why the rollout goes back; nil: it does not.
  private(set) var failure: String?
  /// The stage whose hold was told last.
  var hasToldHeld: Int?
  /// What was told last of a pool that is not up yet.
  var hasToldUnready: String?

  package init(service: ServiceName, zone: Zone) {
    self.service = service
    self.zone = zone
  }

  /// No line is longer, whatever names and texts are in it.
  package static let width = 160
  /// No heartbeat is longer.
  static let heartbeatWidth = 120
  static let heartbeat = Span.minutes(5)

  /// Whether the next look will tell how many requests there were.
  package func wantsCounts(_ record: RolloutRecord, at now: Instant) -> Bool {
    let new = record.entries.dropFirst(read).map(\.event)
    let endsStage = new.contains(.stage) || new.contains(.promoted)
    return stage != nil && (endsStage || Instant.isPast(Self.heartbeat, since: lastLine, at: now))
  }

  /// The lines for what is new since the last look.
  package mutating func look(_ seen: Seen) -> [Item] {
    var items: [Item] = []
    let new = seen.record.entries.dropFirst(read)
    for (index, entry) in zip(new.indices, new) {
      if entry.event == .verdict {
        items += verdict(entry, seen, isLast: !isSameMoment(seen.record.entries, index))
      } else {
        items += self.items(entry, seen)
      }
    }
    read = seen.record.entries.count
    if let state = seen.state, !seen.record.rollout.phase.isOver {
      items += lasting(state, seen)
    }
    if !items.isEmpty { lastLine = seen.now }
    return items
  }

  /// A line before the first stage, such as what the plan cannot show at this traffic.
  package mutating func warn(_ text: String, _ end: String, at now: Instant) -> Item? {
    checks.spend(now) ? inner(now, "warning", text, [end], .warning) : nil
  }

  /// Whether the entry after this one is a verdict of the same moment.
  private func isSameMoment(_ entries: [Entry], _ index: Int) -> Bool {
    guard index + 1 < entries.count else { return false }
    return entries[index + 1].event == .verdict && entries[index + 1].time == entries[index].time
  }

  private mutating func items(_ entry: Entry, _ seen: Seen) -> [Item] {
    let rollout = seen.record.rollout
    let told = EntryReport.told(entry)
    switch entry.event {
    case .started: return [start(entry, rollout, seen.calendar)]
    case .stage: return begin(entry, seen)
    case .promoted: return endStage(entry.time, seen)
    case .reverting: return fail(entry, rollout)
    case .reverted: return failure == nil ? fail(entry, rollout) : []
    case .held: return [inner(entry.time, "held", told)]
    case .awaitingApproval:
      let approve = "; canary approve \(service)"
      return [
        inner(
          entry.time, "waiting", told, [approve + " · canary reject \(service)", approve],
          .warning)
      ]
    case .approved: return [inner(entry.time, "approved", "by \(entry.actor): \(told)")]
    case .paused:
      let why = entry.actor == .canary ? told : "by \(entry.actor)"
      return [
        inner(
          entry.time, "paused", why, ["; go on: canary resume \(service)"],
          entry.actor == .canary ? .warning : .plain)
      ]
    case .resumed:
      let who = entry.actor == .canary || entry.detail != nil ? told : "by \(entry.actor)"
      return [inner(entry.time, "resumed", who)]
    case .advanced: return [inner(entry.time, "advanced", "by \(entry.actor): \(told)")]
    case .braked: return [inner(entry.time, "BRAKED", told, [], .error)]
    case .frozen: return [inner(entry.time, "held", "frozen by \(entry.actor): \(told)")]
    case .thawed: return [inner(entry.time, "resumed", "thawed by \(entry.actor)")]
    case .hookFailed: return [inner(entry.time, "trouble", "a hook failed: \(told)", [], .warning)]
    // A verdict, a failure or an approval says the same; the rest is for `--verbose`.
    case .verdict, .preflight, .sourceError, .rejected, .hook, .hookDropped, .apply, .applyFailed,
      .refused, .scheduled, .cancelled, .missed, .standingGuard, .configured, .noticeFailed,
      .unknown:
      return []
    }
  }

  // MARK: the rollout and its stages

  private func start(_ entry: Entry, _ rollout: Rollout, _ calendar: Calendar) -> Item {
    var line = FittedLine()
    line.add("\(zone.clock(entry.time))  ")
    line.add(flexible: service.text)
    if let release = rollout.release {
      line.add(" ")
      line.add(flexible: release)
    }
    line.add(": ")
    line.add(flexible: rollout.from.text)
    line.add(" → ")
    line.add(flexible: rollout.to.text)
    line.add(", plan ")
    line.add(flexible: rollout.plan.name)
    line.add(" (")
    line.add(flexible: rollout.plan.stages.map { "\($0.weight)" }.joined(separator: " → "))
    line.add(" %), ")
    let forecast = Forecast(rollout.plan, calendar: calendar, from: entry.time)
    if let promoted = forecast.promoted {
      // A minute that is not over yet would tell a time too early.
      let whole = promoted + .seconds(59)
      line.add("done \(zone.text(whole, near: entry.time)) at the earliest")
    } else {
      line.add("not done before its windows open again (times of \(zone.name))")
    }
    line.add("   rollout \(rollout.number)")
    return Item(text: line.text(Self.width))
  }

  private mutating func begin(_ entry: Entry, _ seen: Seen) -> [Item] {
    let plan = seen.record.rollout.plan
    let index = Self.stageNumber(entry).map { $0 - 1 } ?? (stage.map { $0.index + 1 } ?? 0)
    guard plan.stages.indices.contains(index) else { return [] }
    let isFirst = stage == nil
    let isAgain = stage?.index == index
    var items = isAgain ? [] : endStage(entry.time, seen)
    stage = (index, entry.time)
    checks.forgetStage()
    let one = plan.stages[index]
    let name = "stage \(index + 1)/\(plan.stages.count)"
    let head = name + "\(one.weight) %".padded(to: -7)
    var line = FittedLine()
    line.add(
      "\(zone.clock(entry.time))  \(head)   soak \(one.soak.words)\(isAgain ? ", again" : "")")
    if let words = one.words {
      line.add("   ")
      line.add(flexible: words)
    }
    if isFirst {
      let stop = "   stop: canary revert \(service)"
      let watch = "   watch: canary status \(service) --watch"
      if line.width + watch.count + stop.count <= Self.width { line.add(watch) }
      line.add(stop)
    }
    items.append(
      Item(
        text: line.text(Self.width),
        mark: .begins(stage: index + 1, title: "\(name)  \(one.weight) %")))
    return items
  }

  /// The number that the entry of a stage begins with.
  private static func stageNumber(_ entry: Entry) -> Int? {
    (entry.detail ?? "").split(separator: " ").dropFirst().first.flatMap { Int($0) }
  }

  private mutating func endStage(_ time: Instant, _ seen: Seen) -> [Item] {
    guard let (index, began) = stage else { return [] }
    let plan = seen.record.rollout.plan
    let counts = self.counts(seen, since: began, through: time)
    let after = "stage \(index + 1)/\(plan.stages.count) after \((time - began).words)"
    let item = inner(time, "passed", counts.map { "\(after): \($0)" } ?? after)
    if seen.record.rollout.plan.stages.count == index + 1 { stage = nil }
    return [Item(text: item.text, mark: .ends(stage: index + 1))]
  }

  /// What the canary answered in that time; nil where nothing is counted.
  func counts(_ seen: Seen, since began: Instant, through end: Instant) -> String? {
    let rollout = seen.record.rollout
    var canary = PoolCounts()
    for slice in seen.slices
    where slice.pool == rollout.to && slice.second >= began.second && slice.second <= end.second {
      canary.merge(slice.counts)
    }
    guard !seen.slices.isEmpty else { return nil }
    if canary.requests == 0 { return "no canary requests" }
    let failed = canary.failures == 0 ? "none" : ComparisonReport.grouped(canary.failures)
    return "\(Text.count(canary.requests, "canary request")), \(failed) failed"
  }

  // MARK: how it goes wrong

  private mutating func fail(_ entry: Entry, _ rollout: Rollout) -> [Item] {
    defer { stage = nil }
    let mark: Item.Mark = stage.map { .left(stage: $0.index + 1) } ?? .plain
    let isPerson = rollout.revertReason?.kind == .person
    let what = Self.failure(entry.detail ?? "")
    failure = what
    return [inner(entry.time, isPerson ? "STOPPED" : "FAILED", what, [], mark)]
  }

  /// `check errors failed: …` as `errors: …`: the label says that it failed.
  static func failure(_ text: String) -> String {
    guard text.hasPrefix("check "), let end = text.firstRange(of: " failed: ") else { return text }
    let name = text[text.index(text.startIndex, offsetBy: 6)..<end.lowerBound]
    return name.contains(" ") ? text : "\(name): \(text[end.upperBound...])"
  }

  private mutating func verdict(_ entry: Entry, _ seen: Seen, isLast: Bool) -> [Item] {
    checks.take(entry, seen.record.rollout.plan, stage: stage?.index)
    guard isLast else { return [] }
    return checks.lines(at: entry.time).map { inner(entry.time, $0.label, $0.text, [], $0.mark) }
  }

  // MARK: lines

  /// A line of what happens in a stage; `ends` are commands, of which the first that leaves room
  /// for the text stays as it is.
  func inner(
    _ time: Instant, _ label: String, _ text: String, _ ends: [String] = [],
    _ mark: Item.Mark = .plain
  ) -> Item {
    var line = FittedLine()
    line.add("\(zone.clock(time))    \(label.padded(to: 11))")
    line.add(flexible: text)
    let room = Self.width - Self.leastText
    line.add(ends.first { $0.count <= room } ?? ends.last ?? "")
    return Item(text: line.text(Self.width), mark: mark)
  }

  /// What a time, a label and a text that says something need.
  private static let leastText = 63
}
