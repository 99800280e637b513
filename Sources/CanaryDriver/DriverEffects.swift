internal import CanaryCore

// Carries out the effects of the policy; each answer comes back as a signal.

extension Driver {
  func perform(_ effect: Effect) async {
    switch effect {
    case .brake(let why, let pool):
      // The note of a person stays: it says more than the driver's.
      if await router.brakeNote(service)?.by == .person { return }
      let note = BrakeNote(by: .driver, actor: "canary", reason: why, time: desk.clock.now())
      do throws(RouterError) {
        try await router.brake(service, to: pool, note)
      } catch {
        log("the brake could not be put on: \(error.text)")
        askLastResort()
      }
    case .release:
      do throws(RouterError) {
        try await router.release(service)
      } catch {
        log("the brake could not be lifted: \(error.text)")
      }
    case .forgetFormer: await router.forgetFormer(service)
    case .apply(let routing, let generation): apply(routing, generation)
    case .look(let pool, let readiness, let rollout):
      guard !looking else { return }
      looking = true
      spawn { [service, source, post] in
        post.yield(
          .looked(
            fault: await source.checkReadiness(service, pool: pool, readiness), rollout: rollout))
      }
    case .measure(let checks, let context): measure(checks, context)
    case .wake(let instant):
      let at = desk.clock.uptime() + (instant - desk.clock.now())
      wakeAt = min(wakeAt ?? at, at)
    case .preflight(let checks, let pool, let rollout):
      guard !preflighting else { return }
      preflighting = true
      spawn { [service, source, post] in
        post.yield(
          .preflighted(await source.measureOnce(checks, service, pool: pool), rollout: rollout))
      }
    case .run(let job):
      guard let jobs, running.insert(job.number).inserted else { return }
      spawn { [post] in post.yield(.ran(job.number, await jobs.run(job))) }
    case .end(let numbers): jobs?.end(numbers, of: service)
    }
  }

  /// Measures checks side by side; those from the access log are one question with one answer.
  func measure(_ checks: [Check], _ context: StageContext) {
    let free = checks.filter { inFlight.insert($0.name).inserted }
    let fromLog = free.filter(\.source.isFromLog)
    let questions = free.filter { !$0.source.isFromLog }.map { [$0] } + [fromLog]
    for question in questions where !question.isEmpty {
      let offset = desk.clock.offset
      spawn { [service, source, post] in
        post.yield(
          .measured(
            await source.measure(question, service, context), rollout: context.rollout,
            stage: context.stage, offset: offset))
      }
    }
  }

  /// Asks whether a pool answers, and then goes on with the event that sends all traffic to it.
  ///
  /// Meanwhile everything else is handled, above all a person's revert.
  func askStable(_ pool: PoolName, before event: Event) {
    wakeAt = min(wakeAt ?? .longest, desk.clock.uptime() + .seconds(5))
    spawn { [service, source, post] in
      post.yield(.asked(event, stableFault: await source.silence(of: service, pool: pool)))
    }
  }

  /// Applies one generation at a time; a later one cancels an earlier one that is still waiting.
  func apply(_ routing: Routing, _ generation: Generation) {
    if let applying {
      if applying.generation == generation { return }
      applying.task.cancel()
    }
    let task = Task(executorPreference: executor) { [self, service, router] in
      do throws(RouterError) {
        try await router.apply(service, routing, generation)
        await answered(generation, nil)
      } catch {
        await answered(generation, error)
      }
    }
    applying = (generation, task)
  }

  private func answered(_ generation: Generation, _ error: RouterError?) {
    answersInInbox += 1
    if applying?.generation == generation { applying = nil }
    guard let error else {
      post.yield(.event(.applied(generation)))
      return
    }
    switch error.kind {
    case .refused:
      fault = error.fault
      post.yield(.event(.applyFailed(generation, error.fault)))
    case .overtaken(let found): post.yield(.event(.overtaken(generation, by: found)))
    case .cancelled: answersInInbox -= 1
    }
  }

  func spawn(_ work: @escaping @Sendable () async -> Void) {
    taskCount += 1
    let number = taskCount
    tasks[number] = Task(executorPreference: executor) { [self] in
      await work()
      await ended(number)
    }
  }

  private func ended(_ task: Int) { tasks[task] = nil }
}
