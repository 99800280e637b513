internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary schedule`: prints what will happen, and when.
enum ScheduleCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "schedule", service: .optional,
      summary: "what is coming: rollouts, approvals, windows, freezes that end, hooks",
      options: [.json])
  ) { call throws(Failure) in
    let world = try call.world(.looking)
    let services = try call.services(world)
    var coming: [UpcomingEvent] = []
    for service in services { coming += try await UpcomingEvent.of(service, world) }
    coming.sort { ($0.at ?? world.clock.now(), $0.text) < ($1.at ?? world.clock.now(), $1.text) }
    if call.has("--json") {
      call.output.out(JSON.list(coming.map(\.json)).pretty)
    } else if coming.isEmpty {
      call.output.out("nothing is coming")
    } else {
      for one in coming { call.output.out(one.line) }
    }
    return .done
  }
}

/// Something that will happen.
private struct UpcomingEvent {
  var service: Service
  var event: String
  /// Nil: when conditions allow it, not at a known time.
  var at: Instant?
  var text: String

  var line: String {
    let time = at.map(service.zone.text) ?? "when it may"
    return "\(time)  \(service.name): \(text)"
  }

  var json: JSON {
    .table([
      ("service", .text(service.name.text)), ("event", .text(event)), ("time", JSON(at?.iso8601)),
      ("detail", .text(text)),
    ])
  }

  static func of(_ service: Service, _ world: World) async throws(Failure) -> [UpcomingEvent] {
    let state = try await world.load(service)
    let now = world.clock.now()
    var list: [UpcomingEvent] = []
    let add = { (event: String, at: Instant?, text: String, list: inout [UpcomingEvent]) in
      list.append(UpcomingEvent(service: service, event: event, at: at, text: text))
    }
    if let scheduled = state.scheduled?.by(service.calendar, at: now) {
      let request = scheduled.request
      let release = request.release.map { " (\($0))" } ?? ""
      add(
        "rollout", scheduled.at,
        "a rollout to \(request.to)\(release) begins\(scheduled.inWindow ? ", or in a later window" : ""), by \(request.actor)",
        &list)
    }
    if let rollout = state.running {
      if let rule = rollout.awaitedApproval, let approval = rollout.approval {
        add(
          "approval", approval.since + rule.within,
          "stage \(approval.stage + 1) is taken back unless it has \(rule.count) approvals; \(approval.given.count) so far: canary approve \(service.name)",
          &list)
      }
      for row in Forecast.rest(of: rollout, calendar: service.calendar, now: now).steps {
        add(
          "stage", row.begins,
          "stage \(row.stage + 1) of \(rollout.plan.stages.count) (\(rollout.plan.stages[row.stage].weight)%) at the earliest",
          &list)
      }
    }
    if let freeze = state.freeze(at: now) {
      add(
        "freeze", freeze.until,
        freeze.until == nil ? freeze.words : "the freeze ends: \(freeze.reason)", &list)
    }
    for job in state.jobs where job.due != nil { add("hook", job.due, job.words, &list) }
    if !service.calendar.windows.isEmpty || !service.calendar.blackouts.isEmpty {
      let isOpen = service.calendar.isOpen(at: now)
      let next =
        isOpen ? service.calendar.closing(after: now) : service.calendar.opening(from: now)
      if next != nil || !isOpen {
        add(
          "window", next,
          isOpen ? "its window closes" : next == nil ? "no window ever opens" : "its window opens",
          &list)
      }
    }
    return list
  }
}
