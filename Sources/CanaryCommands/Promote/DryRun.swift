internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary promote --dry-run`: prints the stages with times, and all files that would change;
/// measures each source once.
struct DryRun {
  let world: World
  let service: Service
  /// The time to start at; nil: now.
  let request: PromoteRequest
  let at: Instant?
  let inWindow: Bool
  /// Whether the changes of the generated files are printed as well.
  let showsFiles: Bool

  func run() async throws(Failure) -> ExitCode {
    let state = try await world.load(service)
    if let rollout = state.running { throw Failure(.busy, "rollout \(rollout.number) is running") }
    guard request.to != state.stable else {
      throw Failure(.wrong, "\(request.to) is the stable pool already")
    }
    let now = world.clock.now()
    world.output.out(
      "\(service.name): \(state.stable) → \(request.to) by plan '\(request.plan.name)'; nothing is touched"
    )
    if let freeze = state.freeze(at: now) {
      world.output.out("  ! \(freeze.words); nothing begins before canary thaw \(service.name)")
    }
    let start = at ?? now
    if at == nil, !inWindow, let closed = service.calendar.closed(at: now) {
      let next = service.calendar.opening(from: now).map(service.zone.text) ?? "never"
      world.output.out("  ! now is \(closed); the next opens \(next): --in-window waits for it")
    }
    if let fault = await PromotionRule.hiddenFailure(world, service, request.plan) {
      world.output.out("  ✗ the gates would not see every failure: \(fault)")
    }
    let outlook = await OutlookText.read(world.config, service, request.plan)
    if let traffic = outlook.traffic { world.output.out("  now: \(traffic)") }
    for warning in outlook.warnings { world.output.out("  ! \(warning)") }
    tellStages(Forecast(request.plan, calendar: service.calendar, from: start), outlook.stages)
    for moment in Moment.allCases {
      for hook in service.hooks[moment] {
        let when = hook.retained ? ", after \(request.retain)" : ""
        world.output.out(
          "  hook \(moment.rawValue)\(when): \(hook.words.joined(separator: " ")) (at most \(hook.timeout))"
        )
      }
    }
    try await tellChecks(state)
    if showsFiles {
      try tellFiles(state)
    } else {
      world.output.out("  what changes in Nginx's files: add --diff")
    }
    return .done
  }

  private func tellStages(_ forecast: Forecast, _ outlook: [Int: String]) {
    for (index, stage) in request.plan.stages.enumerated() {
      let step = index < forecast.steps.count ? forecast.steps[index] : nil
      let times =
        step.map {
          "\(service.zone.text($0.begins)) to \(service.zone.text($0.soaked)) at the earliest"
            + ($0.waits ? " (it waits for its window)" : "")
        } ?? "never: no window opens for it"
      let words = stage.words.map { " (\($0))" } ?? ""
      world.output.out("  stage \(index + 1): \(stage.weight)%\(words): \(times)")
      world.output.out(
        "    soak \(stage.soak), deadline \(stage.deadline), then \(stage.onDeadline.rawValue)"
          + (stage.approval.map { "; needs \($0.words)" } ?? "")
          + (window(step).map { "; in its window \($0)" } ?? ""))
      if let text = outlook[index] { world.output.out("    \(text)") }
      if let own = stage.checks {
        world.output.out("    asks \(own.map(\.name.text).joined(separator: ", "))")
      }
    }
    if let promoted = forecast.promoted {
      world.output.out(
        "  then \(request.to) is stable, \(service.zone.text(promoted)) at the earliest")
    }
  }

  private func window(_ step: Forecast.Step?) -> String? {
    guard let step else { return nil }
    return service.calendar.windows.first { $0.contains(step.begins) }?.text
  }

  /// Measures each source once, as a rollout that starts now would.
  private func tellChecks(_ state: ServiceState) async throws(Failure) {
    let before = request.plan.before
    let all = before + request.plan.checks
    let asked = all.filter { !$0.source.isFromLog }
    let states = await world.sources.measureOnce(asked, service.name, pool: request.to)
    for (index, check) in all.enumerated() {
      let when = index < before.count ? " before the rollout" : ""
      let found = asked.firstIndex(of: check).flatMap { $0 < states.count ? states[$0] : nil }
      world.output.out(
        "  \(found.map { Wording.mark($0.verdict) } ?? "·") check \(check.name)\(when): \(CheckWords.text(check))"
          + (found.map { "; now \($0.verdict.rawValue): \($0.detail)" } ?? ""))
    }
  }

  /// Prints what each stage would change in Nginx's files.
  private func tellFiles(_ state: ServiceState) throws(Failure) {
    var before: [String: String] = [:]
    let stages = request.plan.stages
    for index in 0...stages.count {
      let isEnd = index == stages.count
      let routing: Routing =
        isEnd
        ? .promoted(request.to, over: state.stable, until: world.clock.now() + request.retain)
        : .stage(
          index, of: request.plan, stable: state.stable, canary: request.to, salt: "dry-run")
      do throws(RouterError) {
        let files = try world.renderer.render(
          service.name, routing, Generation(state.generation.number + index + 1))
        for (suffix, text) in files.all {
          let path = world.renderer.path(service.name, suffix)
          let old = before[path] ?? Files.ownContents(path, isLinked: true) ?? ""
          let new = text ?? ""
          before[path] = new
          guard old != new else { continue }
          let what = isEnd ? "promoted" : "stage \(index + 1)"
          let (shownOld, shownNew) = (HiddenValues.hidden(old), HiddenValues.hidden(new))
          let diff =
            shownOld == shownNew
            ? "@@ only the secret of a preview" : LineDiff.text(shownOld, shownNew)
          world.output.out("--- \(path)\n+++ \(path) (\(what))\n\(diff)")
        }
      } catch {
        throw Failure(.wrong, error.fault)
      }
    }
  }
}

/// The lines in which two texts differ, each with one line around it.
enum LineDiff {
  static func text(_ old: String, _ new: String) -> String {
    let (old, new) = (lines(old), lines(new))
    var removed: Set<Int> = []
    var inserted: Set<Int> = []
    for change in new.difference(from: old) {
      switch change {
      case .remove(let offset, _, _): removed.insert(offset)
      case .insert(let offset, _, _): inserted.insert(offset)
      }
    }
    var rows: [(mark: String, line: Substring)] = []
    var (left, right) = (0, 0)
    while left < old.count || right < new.count {
      if left < old.count, removed.contains(left) {
        rows.append(("-", old[left]))
        left += 1
      } else if right < new.count, inserted.contains(right) {
        rows.append(("+", new[right]))
        right += 1
      } else {
        rows.append((" ", old[left]))
        left += 1
        right += 1
      }
    }
    let near = rows.indices.filter { index in
      rows[max(0, index - 1)...min(rows.count - 1, index + 1)].contains { $0.mark != " " }
    }
    var out: [String] = []
    for (place, index) in near.enumerated() {
      if place > 0, near[place - 1] != index - 1 { out.append("@@") }
      out.append(rows[index].mark + rows[index].line)
    }
    return out.joined(separator: "\n")
  }

  private static func lines(_ text: String) -> [Substring] {
    text.isEmpty ? [] : text.split(separator: "\n", omittingEmptySubsequences: false)
  }
}
