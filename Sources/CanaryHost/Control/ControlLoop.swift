internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// The controller's side of its socket: takes what people ask for, as whom the kernel says they are.
package enum ControlLoop {
  /// Answers until the task is cancelled; `world` is the controller's own, as it is now.
  package static func watch(_ world: @escaping @Sendable () -> World) async {
    let first = world()
    let socket: ControlSocket
    do throws(FileError) {
      socket = try ControlSocket.listen(first.config.run.control, group: first.config.operators)
    } catch {
      first.log("canary controller: people cannot ask it, only root and its own user: \(error)")
      return
    }
    await withDiscardingTaskGroup { group in
      while !Task.isCancelled {
        // Read side by side, so that one who says nothing holds up nobody.
        guard let question = await Blocking.run({ socket.next(within: .seconds(0.5)) }) else {
          continue
        }
        let world = world()
        group.addTask {
          let answer = await answer(question, world)
          guard let text = Coded.text(answer) else { return }
          await Blocking.run { question.answer(text) }
        }
      }
    }
  }

  private static func answer(_ question: ControlSocket.Question, _ world: World) async
    -> ControlAnswer
  {
    var failed = ControlAnswer()
    guard let request = Coded.value(ControlRequest.self, question.line) else {
      failed.fault = "the controller does not understand what was asked"
      failed.hint = "Is it of another version? Restart it: systemctl restart canary"
      return failed
    }
    let actor = ControlSocket.actor(
      question.peer, sudo: request.sudo, claim: request.claim.map { Text.sanitized($0, limit: 80) })
    do throws(Failure) {
      return try await take(request, try world.apart(as: actor))
    } catch {
      failed.fault = error.fault.fact
      failed.hint = error.fault.hint
      failed.isWrong = error.code == .wrong
      return failed
    }
  }

  private static func take(_ request: ControlRequest, _ world: World) async throws(Failure)
    -> ControlAnswer
  {
    let reason = request.reason.map { Text.sanitized($0, limit: 500) }
    let freeze = Freeze(
      actor: world.actor, reason: reason ?? "no reason was given", since: world.clock.now(),
      until: request.until)
    guard let name = request.service else {
      try await world.freezeLater(request.act == .freeze ? freeze : nil)
      return ControlAnswer()
    }
    let service = try world.service(named: name.text)
    // One that is meant for a rollout brakes no other.
    var isMeant = true
    if let number = request.rollout {
      isMeant = (try? await world.load(service))?.running?.number == number
    }
    if request.act == .revert, isMeant {
      // First what moves the traffic, as in the command.
      for warning in await EmergencyBrake(world, name).pull(reason: reason).warnings {
        world.log("canary controller: \(name): \(warning)")
      }
    }
    let event = try event(request, world, service, freeze, reason)
    switch event {
    case .promote(let wanted): try await PromotionRule.require(world, service, wanted.plan)
    case .schedule(let schedule):
      try await PromotionRule.requireEvidence(world, service, schedule.request.plan)
    default: break
    }
    let decision = try await world.submit(event, service)
    await note(request, decision, world, name)
    return ControlAnswer(decision)
  }

  private static func event(
    _ request: ControlRequest, _ world: World, _ service: Service, _ freeze: Freeze,
    _ reason: String?
  ) throws(Failure) -> Event {
    let actor = world.actor
    switch request.act {
    case .promote: return .promote(try promotion(request, world, service, reason))
    case .schedule:
      return .schedule(
        Schedule(
          request: try promotion(request, world, service, reason),
          at: request.at ?? world.clock.now(), inWindow: request.inWindow ?? false))
    case .revert:
      guard let number = request.rollout else { return .revert(actor, reason) }
      return .revertOnly(rollout: number, actor, Reason(.person, reason ?? ""))
    case .pause: return .pause(actor)
    case .resume: return .resume(actor)
    case .advance: return .advance(actor, to: request.weight)
    case .cancel: return .cancel(actor)
    case .freeze: return .freeze(freeze)
    case .thaw: return .thaw(actor)
    case .approve: return .approve(actor, reason)
    case .reject: return .reject(actor, reason)
    }
  }

  /// The rollout as the config has it: of the request only names and texts are taken.
  private static func promotion(
    _ request: ControlRequest, _ world: World, _ service: Service, _ reason: String?
  ) throws(Failure) -> PromoteRequest {
    if let theirs = request.config, let ours = world.config.digest, theirs != ours {
      throw ControllerConfig.differs(world.config.file, pid: ThisProcess.pid)
    }
    guard let to = request.to, service.pool(to) != nil else {
      throw Failure(.wrong, "the controller's config has no such pool of \(service.name)")
    }
    var plan = service.plan
    if let name = request.plan, name != plan.name {
      guard let named = world.config.plan(named: name, for: service) else {
        throw Failure(
          .wrong, "the controller's config has no plan '\(Text.sanitized(name, limit: 63))'")
      }
      plan = named
    }
    let release = request.release.map { Text.sanitized($0, limit: 500) }
    plan.addGuards(service.guards.map(\.check))
    var promotion = PromoteRequest(
      to: to, release: release, plan: plan, reason: reason, retain: service.retain,
      actor: world.actor)
    promotion.hooks = service.hooks
    promotion.meta = request.meta ?? Meta()
    if let why = service.releases.refusal(of: promotion) { throw Failure(.wrong, why) }
    return promotion
  }

  /// Records in the history that somebody was refused.
  private static func note(
    _ request: ControlRequest, _ decision: Decision, _ world: World, _ service: ServiceName
  ) async {
    let why: String
    switch decision.refusal {
    case .busy(let text)?, .wrong(let text)?: why = text
    case .nothing?, nil: return
    }
    let entry = Entry(
      rollout: nil, time: world.clock.now(), event: .refused, actor: world.actor,
      detail: "\(request.act.rawValue) \(service): \(Text.sanitized(why, limit: 500))")
    _ = try? await world.history.append(entry, of: service, patience: .seconds(1))
  }
}
