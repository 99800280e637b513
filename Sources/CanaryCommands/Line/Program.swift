internal import CanaryAdapters
internal import CanaryCore
internal import CanaryHost
internal import Glibc

/// One command: how it is called, and what it does.
struct Command: Sendable {
  let spec: CommandSpec
  let run: @Sendable (Invocation) async throws(Failure) -> ExitCode
}

/// The whole command line.
package enum Program {
  /// Every command, in the order of the help.
  static let commands: [Command] = [
    InitCommand.command, CheckCommand.command, ApplyCommand.command, RenderCommand.command,
    PromoteCommand.command, RevertCommand.command, PauseCommand.command, ResumeCommand.command,
    AdvanceCommand.command, ApproveCommand.command, RejectCommand.command, FreezeCommand.command,
    ThawCommand.command, ScheduleCommand.command, CancelCommand.command, StatusCommand.command,
    RouteCommand.command, HistoryCommand.command, ReportCommand.command, PageCommand.command,
    AuditCommand.command, SimulateCommand.command, WindowsCommand.command, ExportCommand.command,
    ControllerCommand.command, WatchdogCommand.command, VersionCommand.command,
    // Hidden:
    DriveCommand.command, GuardCommand.command, AnnounceCommand.command, HookCommand.command,
    NotifyCommand.command,
    PublishCommand.command, TallyCommand.command, ManCommand.command, CompletionsCommand.command,
    ServicesCommand.command, ReferenceCommand.command,
  ]

  static let visible = commands.filter { !$0.spec.isHidden }

  /// Runs a command line without the program's name; returns the exit status.
  package static func run(_ words: [String]) async -> Int32 {
    // A reader that goes away must not kill the program between two steps of a rollout.
    signal(SIGPIPE, SIG_IGN)
    // One heap per thread is too much for a program that mostly waits.
    MallocTuning.useFewHeaps()
    // A rollout with many sources must not run out of descriptors: then nothing would be measured.
    let shortage = ThisProcess.shortage
    let output = Output()
    guard let name = words.first else {
      output.err(help)
      return ExitCode.wrong.rawValue
    }
    if name == "help", let wanted = words.dropFirst().first, !wanted.hasPrefix("-") {
      return await run([wanted, "--help"])
    }
    if ["--help", "-h", "help"].contains(name) {
      output.out(help)
      return ExitCode.done.rawValue
    }
    if name == "--version" { return await run(["version"]) }
    guard let command = commands.first(where: { $0.spec.name == name }) else {
      let near = Spelling.nearest(to: name, among: visible.map(\.spec.name))
      let advice =
        OtherTools.advice(name, Array(words.dropFirst()))
        ?? near.map { "did you mean 'canary \($0)'?" } ?? "see: canary --help"
      output.err("canary: there is no command '\(Text.sanitized(name))'; \(advice)")
      return ExitCode.wrong.rawValue
    }
    do throws(UsageError) {
      let arguments = try Arguments(Array(words.dropFirst()), for: command.spec)
      if arguments.has("--help") {
        output.out(command.spec.help)
        return ExitCode.done.rawValue
      }
      // These two do what they are for before anything waits.
      let urgent = [RevertCommand.command, GuardCommand.command].map(\.spec.name)
      if let shortage, !urgent.contains(name) {
        output.err("canary \(name): \(Failure(.outside, shortage).text). Nothing was touched.")
        return ExitCode.outside.rawValue
      }
      return await run(command, Invocation(arguments))
    } catch {
      output.err("canary \(name): \(error.text)")
      return ExitCode.wrong.rawValue
    }
  }

  private static func run(_ command: Command, _ call: Invocation) async -> Int32 {
    defer {
      // Refused or not: receivers and the status page learn of it.
      if command.spec.isActing, let world = call.madeWorld {
        NoticeLoop.leave(world)
        PublishLoop.leave(world)
      }
    }
    do throws(Failure) {
      let code = try await command.run(call)
      if !command.spec.isHidden, ThisProcess.shortage == nil, let world = call.madeWorld {
        for line in await OrphanWatch.look(world) { call.output.err("canary: warning: \(line)") }
      }
      return code.rawValue
    } catch {
      call.output.err("canary \(command.spec.name): \(error.text)")
      if command.spec.isActing { await AuditCommand.note(command.spec.name, error, call) }
      return error.code.rawValue
    }
  }

  static var help: String {
    let width = (visible.map(\.spec.name.count).max() ?? 0) + 2
    let lines = visible.map { "  " + $0.spec.name.padded(to: width) + $0.spec.summary }
    return """
      canary: blue-green and canary rollouts for open-source Nginx

      Usage: canary COMMAND [SERVICE] [options]

      Commands:
      \(lines.joined(separator: "\n"))

      Each takes --config FILE and --help (or: canary help COMMAND). In an emergency: canary revert SERVICE
      """
  }
}
