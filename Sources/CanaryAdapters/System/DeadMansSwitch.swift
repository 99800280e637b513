package import CanaryCore
internal import CanaryDriver
internal import CSystem
internal import Glibc

/// A small guard process beside a driver, which puts the brake on when the driver dies and no other
/// takes over.
///
/// It learns of the death through a pipe that the kernel closes with the driver, whatever killed
/// it.
package final class DeadMansSwitch: Sendable {
  private let pipe: CInt

  private init(pipe: CInt) { self.pipe = pipe }
  deinit { close(pipe) }

  /// What the guard process watches over.
  package struct Post: Sendable {
    package var run: RunFolder
    package var service: ServiceName
    /// The service's generated main file.
    package var file: String
    /// The folder of the store.
    package var state: String
    /// The path of the config, for the process that tells of a brake.
    package var config: String
    package var driver: Int32 = 0
    /// The generation in the generated file when the driver started.
    package var generation = 0

    package init(
      run: RunFolder, service: ServiceName, file: String, state: String, config: String
    ) {
      self.run = run
      self.service = service
      self.file = file
      self.state = state
      self.config = config
    }

    var words: [String] {
      [run.path, service.text, file, state, config, "\(driver)", "\(generation)"]
    }

    /// Reads the words of `canary __guard`; nil when they are not those of `words`.
    package init?(_ words: [String]) {
      guard words.count == 7, let service = ServiceName(words[1]), let driver = Int32(words[5]),
        let generation = Int(words[6])
      else { return nil }
      self.init(
        run: RunFolder(words[0]), service: service, file: words[2], state: words[3],
        config: words[4])
      self.driver = driver
      self.generation = generation
    }

    var header: GeneratedHeader? {
      Files.ownContents(file, isLinked: true).flatMap(GeneratedHeader.init)
    }
  }

  /// Starts the guard process for a service whose drive lock this process holds.
  package static func start(_ post: Post) throws(SpawnError) -> DeadMansSwitch {
    var post = post
    post.driver = getpid()
    post.generation = post.header?.generation.number ?? 0
    var ends: [CInt] = [0, 0]
    guard canary_pipe(&ends) == 0 else { throw SpawnError(description: "no pipe for the guard") }
    defer { close(ends[0]) }
    do throws(SpawnError) {
      _ = try Spawn.detach(
        [ThisProcess.program, "__guard"] + post.words, input: ends[0], output: nil)
    } catch {
      close(ends[1])
      throw error
    }
    return DeadMansSwitch(pipe: ends[1])
  }

  /// Ends the guard process: the driver ends as it should.
  package func dismiss() { send(Self.dismissal) }

  /// Has the guard process put the brake on now; it needs nothing that this process lacks, such as a
  /// descriptor.
  package func brake() { send(Self.request) }

  static let dismissal: UInt8 = 1
  static let request: UInt8 = 2

  private func send(_ word: UInt8) {
    var byte = word
    _ = write(pipe, &byte, 1)
  }
}
