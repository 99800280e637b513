/// What the config says of the things that a stored state names.
///
/// Who may write the store may not thereby run a program, ask a server or write a line of Nginx's
/// configuration: words, URLs, paths and texts are the config's, which is yours. A state names
/// them, and keeps the numbers.
extension Config {
  /// A stored check with what it runs or asks by the config as it is now.
  ///
  /// `plan` and `stage` say where it stands; throws when the config has no such check any more.
  package func authorized(
    _ check: Check, of service: ServiceName, plan: String? = nil, stage: Int? = nil
  ) throws(Violation) -> Check {
    // The access log is the service's own, and a metric of it only counts.
    if check.source.isFromLog { return check }
    let known = checks(named: check.name, service, plan: plan, stage: stage)
    if known.contains(where: check.asksAs) { return check }
    guard let first = known.first, !first.source.isFromLog else {
      throw Violation(
        "the config has no such check any more: put '\(check.name)' back, or run: canary revert \(service)"
      )
    }
    var check = check
    check.source = first.source
    check.endpoint = first.endpoint
    check.expected = first.expected
    check.backend = first.backend
    return check
  }

  /// The hook of the config that a stored job names; nil: the config has it no more.
  package func authorized(_ job: Job) -> Hook? {
    service(job.facts.service)?.hooks[job.facts.moment].first { $0.words == job.hook.words }
  }

  /// Why Nginx may not be told of this stored audience; nil: it may.
  package func fault(of audience: Audience, in service: ServiceName) -> String? {
    let isPlain = audience.salt.utf8.allSatisfy { Text.isAlphanumeric($0) || $0 == 45 || $0 == 46 }
    guard isPlain, audience.salt.utf8.count <= 64 else { return "its salt is none of canary's" }
    let shadows = [audience.shadow].compactMap(\.self) + audience.seating.shadows
    let methods = shadows.flatMap(\.methods)
    if let odd = methods.first(where: { !Shadow.isMethod($0) }) {
      return "'\(Text.sanitized(odd, limit: 40))' is no method that could be copied"
    }
    let known = plans(of: service).flatMap(\.stages).compactMap(\.only)
    for only in [audience.only].compactMap(\.self) + audience.seating.circles
    where !known.contains(only) {
      if let fault = SelectorReader.fault(of: only) { return "its `only` \(fault)" }
    }
    return nil
  }

  /// Every plan that a rollout of the service may have: its own first, then those of the config.
  private func plans(of service: ServiceName) -> [Plan] {
    let own = self.service(service)
    let builtIn = PlanReader.builtIn.keys.sorted().compactMap { PlanReader.builtIn[$0] }
    let others = plans.keys.sorted().compactMap { plans[$0] } + builtIn
    return (own.map { [$0.plan] } ?? []) + others.map { own?.adapted($0) ?? $0 }
  }

  /// The config's checks of that name: first those of the stage, then of its plan, then all others.
  private func checks(
    named name: CheckName, _ service: ServiceName, plan: String?, stage: Int?
  ) -> [Check] {
    let plans = plans(of: service)
    let near = plans.filter { $0.name == plan }
    let staged = near.flatMap { plan in
      stage.flatMap { plan.stages.indices.contains($0) ? plan.stages[$0].checks : nil } ?? []
    }
    let others = (near + plans).flatMap { plan in
      plan.checks + plan.before + plan.stages.flatMap { $0.checks ?? [] }
    }
    let guards = self.service(service)?.guards.map(\.check) ?? []
    return (staged + others + guards).filter { $0.name == name }
  }
}

extension Check {
  /// Whether it asks the same question, of the same server, as the other.
  fileprivate func asksAs(_ other: Check) -> Bool {
    source == other.source && endpoint == other.endpoint && expected == other.expected
      && backend == other.backend
  }
}
