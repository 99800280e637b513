internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary revert --all`: every service whose rollout is not over.
struct RevertAll {
  private let scenes: [(world: World, service: Service)]
  /// What is wrong with the config; nil: it can be used.
  private let complaint: Failure?

  /// By the config or, where that cannot be used, by what is installed; throws where nothing is.
  init(_ call: Invocation) throws(Failure) {
    let options = RevertCommand.options(call)
    do throws(Failure) {
      let world = try call.world(options)
      scenes = world.config.services.map { (world, $0) }
      complaint = nil
    } catch {
      let file = ConfigFile.place(
        named: call["--config"], environment: ThisProcess.environment)
      scenes = InstalledConfig.names(file: file).compactMap { name in
        World(installed: name, configFile: call["--config"], options, log: call.output.log)
          .flatMap { world in world.config.service(name).map { (world, $0) } }
      }
      guard !scenes.isEmpty else { throw error }
      complaint = error
    }
  }

  /// All brakes first, side by side, and then one after the other what `revert` does: a service that
  /// is slow, or cannot go back, keeps none of the others.
  func carryOut(reason: String?, _ output: Output) async -> ExitCode {
    var unfinished: [(world: World, service: Service)] = []
    for scene in scenes where await Self.isUnfinished(scene.world, scene.service) {
      unfinished.append(scene)
    }
    var worst = complaint == nil ? ExitCode.done : .outside
    if unfinished.isEmpty {
      output.out("nothing to revert: no service has a rollout that is not over")
    }
    let began = SystemClock.now
    await withTaskGroup(of: Void.self) { group in
      for (world, service) in unfinished where world.control == nil {
        group.addTask { _ = await EmergencyBrake(world, service.name).pull(reason: reason) }
      }
    }
    for (world, service) in unfinished {
      output.out("\(service.name):")
      do throws(Failure) {
        let code = try await RevertCommand.carryOut(world, service, reason: reason, since: began)
        if code != .done { worst = code }
      } catch {
        output.err("canary revert: \(service.name): \(error.text)")
        worst = error.code
      }
    }
    if let complaint { RevertCommand.complain(complaint, output) }
    return worst
  }

  /// Whether its rollout is not over, or that is not known, or its files send requests to a canary
  /// whatever the store says.
  private static func isUnfinished(_ world: World, _ service: Service) async -> Bool {
    do throws(StoreError) {
      if try await world.states.peek(service.name)?.running != nil { return true }
    } catch {
      return true
    }
    return await world.router.observe(service.name, [.header]).meetsCanary
  }
}
