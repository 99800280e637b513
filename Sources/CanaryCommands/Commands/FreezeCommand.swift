internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary freeze`: blocks new rollouts and stage advances, for a reason that everyone can read.
enum FreezeCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "freeze", service: .optional,
      summary: "let nothing grow, in one service or all; reverts are never stopped",
      details: """
        No rollout begins and no stage follows another until `canary thaw`, or until --until. A running soak goes on, its
        checks go on, and a failed one still reverts. Without SERVICE it holds for those that the config gets later too.
        """,
      options: [
        Option("--reason", "TEXT", "why; whoever is refused reads it"),
        Option("--until", "TIME", "when it ends by itself: RFC 3339, or \"mon 08:00\""),
      ], isActing: true)
  ) { call throws(Failure) in
    let world = try call.world()
    let services = try call.services(world)
    guard let reason = call["--reason"], !reason.isEmpty else {
      throw Failure(.wrong, "say why, with --reason TEXT: whoever is refused by it reads it")
    }
    try call.checkTexts()
    var freezes: [(service: Service, freeze: Freeze)] = []
    for service in services {
      let until = try call.time("--until", service, world)
      let freeze = Freeze(
        actor: world.actor, reason: reason, since: world.clock.now(), until: until)
      freezes.append((service, freeze))
    }
    for (service, freeze) in freezes {
      try await world.take(.freeze(freeze), service)
      call.output.out("\(service.name): \(freeze.words)")
    }
    // Later services have no zone yet to read a time by: they get the longest freeze.
    let longest = freezes.map(\.freeze).max {
      ($0.until?.milliseconds ?? .max) < ($1.until?.milliseconds ?? .max)
    }
    if call.arguments.service == nil { try await world.freezeLater(longest) }
    return .done
  }
}
