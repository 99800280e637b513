internal import CanaryCore
internal import CanaryHost
internal import Synchronization

/// One command as it was typed, and the world that it works in, which is put together once.
final class Invocation: Sendable {
  let arguments: Arguments
  let output = Output()
  private let made = Mutex<World?>(nil)

  init(_ arguments: Arguments) { self.arguments = arguments }

  func has(_ flag: String) -> Bool { arguments.has(flag) }
  subscript(_ option: String) -> String? { arguments[option] }

  /// The world of the config that the command line names; throws every fault of the config.
  func world(_ options: World.Options = World.Options()) throws(Failure) -> World {
    if let world = madeWorld { return world }
    let world = try World(configFile: arguments["--config"], options, log: output.log)
    made.withLock { $0 = world }
    return world
  }

  /// The world, if the command came so far.
  var madeWorld: World? { made.withLock { $0 } }

  /// The service that was named; a wrong name is answered with the nearest right one.
  func service(_ world: World) throws(Failure) -> Service {
    try world.service(named: arguments.service ?? "")
  }

  /// The service that was named, or all of them.
  func services(_ world: World) throws(Failure) -> [Service] {
    arguments.service == nil ? world.config.services : [try service(world)]
  }
}

extension World {
  /// Where a command of this process prints.
  var output: Output { Output() }
}
