package import CanaryCore
internal import CanaryDriver
internal import CSystem
internal import Glibc

/// A small process beside a driver.
///
/// When the driver dies without a word and nobody takes over, it puts the brake on.
///
/// It learns of the death through a pipe that the kernel closes with the driver, whatever killed it.
package final class DeadMansSwitch {
  private let pipe: CInt

  private init(pipe: CInt) { self.pipe = pipe }
  deinit { close(pipe) }

  /// Starts a guard for a drive lock that this process holds, and the brake and the generated file of
  /// the same service.
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

  /// Tells the guard that the driver ends as it should.
  package func dismiss() {
    var byte: UInt8 = 1
    _ = write(pipe, &byte, 1)
  }

  /// How long another driver has to take over before the brake goes on.
  package static let grace = Span.seconds(0.6)

  private static func header(_ file: String) -> GeneratedHeader? {
    Files.contents(file).flatMap(GeneratedHeader.init)
  }

  /// The guard's own life: waits for the driver's word or its death.
  package static func watch(
    lock: String, brake: String, driver: Int32, file: String, generation: Int
  ) {
    for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] { signal(number, SIG_IGN) }
    var byte: UInt8 = 0
    var count: Int
    repeat { count = read(0, &byte, 1) } while count < 0 && errno == EINTR
    if count == 1 { return }
    usleep(UInt32(grace.milliseconds) * 1000)
    // Held while the brake goes on: whoever takes over from here on finds it, and lifts it in its own time. A command
    // that only looks, or that is refused, has the lock for a moment; a driver keeps it, and has put its name on it.
    guard let held = (try? FileLock.acquire(lock, patience: .seconds(2), marked: false)) ?? nil,
      FileLock.lastHolder(lock) == driver
    else { return }
    // A canary without a share, in the configuration that was there before the driver, needs no brake; and after a
    // promotion the brake would lead to the pool before it.
    if let header = header(file), header.generation.number == generation,
      header.routing?.isClean == true
    {
      return
    }
    let note = BrakeNote(
      by: .guard, actor: "guard", reason: "the driver (pid \(driver)) died", time: SystemClock.now)
    let run = RunFolder(Files.folder(of: brake))
    guard let service = RunFolder.service(ofBrake: Files.name(of: brake)) else { return }
    if Brake.note(run, service)?.by != .person { try? Brake.put(run, service, note) }
    withExtendedLifetime(held) {}
  }
}
