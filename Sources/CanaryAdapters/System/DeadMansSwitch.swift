package import CanaryCore
internal import CanaryDriver
internal import CSystem
internal import Glibc

/// A small guard process beside a driver, which puts the brake on when the driver dies and no other
/// takes over.
///
/// It learns of the death through a pipe that the kernel closes with the driver, whatever killed
/// it.
package final class DeadMansSwitch {
  private let pipe: CInt

  private init(pipe: CInt) { self.pipe = pipe }
  deinit { close(pipe) }

  /// Starts the guard process for a service whose drive lock this process holds.
  ///
  /// `file` is the service's generated main file.
  package static func start(
    _ run: RunFolder, _ service: ServiceName, file: String
  ) throws(SpawnError) -> DeadMansSwitch {
    let (lock, brake) = (run.lock(.drive(service)), run.brake(service))
    let generation = header(file)?.generation.number ?? 0
    var ends: [CInt] = [0, 0]
    guard canary_pipe(&ends) == 0 else { throw SpawnError(description: "no pipe for the guard") }
    defer { close(ends[0]) }
    do throws(SpawnError) {
      let words = [
        ThisProcess.program, "__guard", lock, brake, "\(getpid())", file, "\(generation)",
      ]
      _ = try Spawn.detach(words, input: ends[0], output: nil)
    } catch {
      close(ends[1])
      throw error
    }
    return DeadMansSwitch(pipe: ends[1])
  }

  /// Ends the guard process: the driver ends as it should.
  package func dismiss() {
    var byte: UInt8 = 1
    _ = write(pipe, &byte, 1)
  }

  /// How long after the death another driver may take over before the brake goes on.
  package static let grace = Span.seconds(0.6)

  private static func header(_ file: String) -> GeneratedHeader? {
    Files.contents(file).flatMap(GeneratedHeader.init)
  }

  /// `canary __guard`: waits until the driver dismisses it or dies, and then puts the brake on if
  /// needed.
  ///
  /// `generation` is the one in the generated file when the driver started.
  package static func watch(
    lock: String, brake: String, driver: Int32, file: String, generation: Int
  ) {
    for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] { signal(number, SIG_IGN) }
    var byte: UInt8 = 0
    var count: Int
    repeat { count = read(0, &byte, 1) } while count < 0 && errno == EINTR
    if count == 1 { return }
    usleep(UInt32(grace.milliseconds) * 1000)
    // Held while the brake goes on, so that the next driver finds the brake and lifts it. A command
    // that only looks holds the lock for a moment; a driver keeps it, and has written its pid into
    // it.
    guard let held = (try? FileLock.acquire(lock, patience: .seconds(2), marked: false)) ?? nil,
      FileLock.lastHolder(lock) == driver
    else { return }
    // A configuration from before this driver that gives the canary no share needs no brake. After
    // a promotion the brake would even lead to the former pool.
    if let header = header(file), header.generation.number == generation,
      header.routing?.isClean == true
    {
      return
    }
    // By seats no brake is needed where nobody meets the canary, and no exchange of roles is under
    // way: the driver died before its first stage, or somebody has reverted since.
    let run = RunFolder(Files.folder(of: brake))
    guard let service = RunFolder.service(ofBrake: Files.name(of: brake)) else { return }
    if let header = header(file), header.hasSeats, let routing = header.routing {
      let sets = SeatSets(run, service)
      let isMet = routing.canary.map { sets.meets(routing.stable, $0) } ?? false
      if !isMet, sets.former(at: SystemClock.now) == nil { return }
    }
    let note = BrakeNote(
      by: .guard, actor: "guard", reason: "the driver (pid \(driver)) died", time: SystemClock.now)
    if Brake.note(run, service)?.by != .person { try? Brake.put(run, service, to: nil, note) }
    withExtendedLifetime(held) {}
  }
}
