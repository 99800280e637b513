internal import CanaryAdapters
internal import CanaryCore
internal import Glibc

/// One command: its words, and what it does.
struct Command: Sendable {
  let spec: CommandSpec
  let run: @Sendable (Arguments, Output) async throws(Failure) -> ExitCode
}

/// The whole command line.
package enum Program {
  static let commands: [Command] = [
    InitCommand.command, CheckCommand.command, ApplyCommand.command, RenderCommand.command,
    PromoteCommand.command,
    RevertCommand.command, HoldCommands.pause, HoldCommands.resume, HoldCommands.advance,
    ApprovalCommands.approve, ApprovalCommands.reject, StandingCommands.freeze,
    StandingCommands.thaw, ScheduleCommands.schedule, ScheduleCommands.cancel,
    StatusCommand.command, RouteCommand.command, HistoryCommand.command, ReportCommand.command,
    PageCommand.command,
    AuditCommand.command,
    SimulateCommand.command, WindowsCommand.command, ControllerCommand.command,
    VersionCommand.command,
  ]

  /// Commands that change something: one that is refused is noted too.
  private static let acting: Set<String> = [
    "apply", "promote", "revert", "pause", "resume", "advance", "approve", "reject", "freeze",
    "thaw", "cancel",
  ]

  /// Runs a command line without the program's name; returns the exit status.
  package static func run(_ words: [String]) async -> Int32 {
    // A reader that goes away must not end the program between two steps of a rollout.
    signal(SIGPIPE, SIG_IGN)
    // One heap a thread of the pool is more than a program needs that mostly waits.
    Memory.useFewHeaps()
    let output = Output()
    guard let name = words.first else {
      output.err(help)
      return ExitCode.wrong.rawValue
    }
    if ["--help", "-h", "help"].contains(name) {
      output.out(help)
      return ExitCode.done.rawValue
    }
    if name == "--version" { return await run(["version"]) }
    if name == "__guard" { return watch(words) }
    if name == "__drive" {
      return await ControllerCommand.driveOne(Array(words.dropFirst()), output: output)
    }
    if ["__man", "__completions", "__services", "__reference"].contains(name) {
      return describe(words, output)
    }
    if name == "__hook" {
      HookRunner.live(words.dropFirst().first ?? "")
      return ExitCode.done.rawValue
    }
    if name == "__notify" {
      return await Noticing.flush(Array(words.dropFirst()), output: output)
    }
    if name == "__publish" {
      return await Publishing.flush(Array(words.dropFirst()), output: output)
    }
    if name == "__tally" { return TallyCommand.run(Array(words.dropFirst()), output: output) }
    guard let command = commands.first(where: { $0.spec.name == name }) else {
      let near = Spelling.nearest(to: name, among: commands.map(\.spec.name))
      let advice = near.map { "did you mean 'canary \($0)'?" } ?? "see: canary --help"
      output.err("canary: there is no command '\(Text.shown(name))'; \(advice)")
      return ExitCode.wrong.rawValue
    }
    do throws(UsageError) {
      let arguments = try Arguments(Array(words.dropFirst()), for: command.spec)
      if arguments.has("--help") {
        output.out(command.spec.help)
        return ExitCode.done.rawValue
      }
      return await run(command, arguments, output)
    } catch {
      output.err("canary \(name): \(error.text)")
      return ExitCode.wrong.rawValue
    }
  }

  private static func run(_ command: Command, _ arguments: Arguments, _ output: Output) async
    -> Int32
  {
    // Whatever comes of it, somebody may have to be told.
    let isActing = acting.contains(command.spec.name)
    defer {
      if isActing {
        Noticing.leave(arguments, output)
        Publishing.leave(arguments, output)
      }
    }
    do throws(Failure) {
      return try await command.run(arguments, output).rawValue
    } catch {
      output.err("canary \(command.spec.name): \(error.text)")
      if isActing {
        await AuditCommand.note(command.spec.name, error, arguments, output)
      }
      return error.code.rawValue
    }
  }

  /// What an installation and a shell ask for.
  private static func describe(_ words: [String], _ output: Output) -> Int32 {
    switch words[0] {
    case "__man": output.out(ManPage.text)
    case "__reference":
      guard let text = Reference.text(words.dropFirst().first ?? "") else {
        return ExitCode.wrong.rawValue
      }
      output.out(text)
    case "__completions":
      guard let text = Completions.text(words.dropFirst().first ?? "") else {
        return ExitCode.wrong.rawValue
      }
      output.out(text)
    default:
      let path = try? ConfigFile.find(named: nil, environment: Who.environment)
      guard let config = try? ConfigFile.read(path ?? "") else { return ExitCode.wrong.rawValue }
      output.out(config.services.map(\.name.text).joined(separator: " "))
    }
    return ExitCode.done.rawValue
  }

  /// The guard of a driver; started by the driver itself, not by people.
  private static func watch(_ words: [String]) -> Int32 {
    guard words.count == 6, let pid = Int32(words[3]), let generation = Int(words[5]) else {
      return ExitCode.wrong.rawValue
    }
    Guard.watch(
      lock: words[1], brake: words[2], driver: pid, file: words[4], generation: generation)
    return ExitCode.done.rawValue
  }

  static var help: String {
    let width = (commands.map(\.spec.name.count).max() ?? 0) + 2
    let lines = commands.map { "  " + $0.spec.name.padded(to: width) + $0.spec.summary }
    return """
      canary: blue-green and canary rollouts for open-source Nginx

      Usage: canary COMMAND [SERVICE] [options]

      Commands:
      \(lines.joined(separator: "\n"))

      Each takes --config FILE and --help. In an emergency: canary revert SERVICE
      """
  }
}
