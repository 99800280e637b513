internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary __announce SERVICE ROLLOUT REASON`: tells everybody of a brake that a guard has put on: the
/// history, the receivers of notices, the status page and the metrics.
///
/// Started by the guard, which neither reads a config nor opens the store for writing.
enum AnnounceCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "__announce", service: .none, summary: "tell of a brake", rest: "WORDS",
      isHidden: true)
  ) { call throws(Failure) in
    let words = call.arguments.rest
    guard words.count == 3 else { return .wrong }
    let world = try call.world()
    let service = try world.service(named: words[0])
    let entry = Entry(
      rollout: Int(words[1]), time: world.clock.now(), event: .braked, weight: Weight.none,
      actor: Actor("guard"), detail: words[2])
    // Page and metrics come without it: they look at the flag.
    _ = try? await world.history.append(entry, of: service.name, patience: nil)
    _ = await PublishLoop.once(world)
    await NoticeLoop.flush(world)
    return .done
  }
}
