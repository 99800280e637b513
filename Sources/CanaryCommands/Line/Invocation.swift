internal import CanaryCore
internal import CanaryHost
internal import Synchronization

/// One command as typed, and its world, which is made once.
final class Invocation: Sendable {
  let arguments: Arguments
  let output = Output()
  private let made = Mutex<World?>(nil)

  init(_ arguments: Arguments) { self.arguments = arguments }

  func has(_ flag: String) -> Bool { arguments.has(flag) }
  /// The option's value; of a text that people read later, only what can be seen.
  subscript(_ option: String) -> String? {
    let isKept = option == "--reason" || option == "--release"
    return arguments[option].map { isKept ? Text.visible($0) : $0 }
  }

  /// The world for the config of this command line; throws every fault of the config.
  ///
  /// Later calls return the same world, whatever their options.
  func world(
    _ options: World.Options = World.Options(), log: (@Sendable (String) -> Void)? = nil
  ) throws(Failure) -> World {
    if let world = madeWorld { return world }
    let world = try World(configFile: arguments["--config"], options, log: log ?? output.log)
    made.withLock { $0 = world }
    return world
  }

  /// The world, if the command has made it already.
  var madeWorld: World? { made.withLock { $0 } }

  /// The named service; throws with the nearest right name.
  func service(_ world: World) throws(Failure) -> Service {
    try world.service(named: arguments.service ?? "")
  }

  /// The named service, otherwise all.
  func services(_ world: World) throws(Failure) -> [Service] {
    arguments.service == nil ? world.config.services : [try service(world)]
  }
}

extension World {
  /// Prints to this process's standard output and error.
  var output: Output { Output() }
}
