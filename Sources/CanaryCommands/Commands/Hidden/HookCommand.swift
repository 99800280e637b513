internal import CanaryAdapters
internal import CanaryCore
internal import CanaryHost
internal import Glibc

/// `canary __hook BASE`: the process that runs one hook.
enum HookCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "__hook", service: .none, summary: "run one hook", rest: "BASE", isHidden: true)
  ) { call throws(Failure) in
    let base = call.arguments.rest.first ?? ""
    HookRunner.live(base) { job in
      guard let config = driversConfig, Files.folder(of: base) == "\(config.state)/hooks" else {
        return nil
      }
      return config.authorized(job)
    }
    return .done
  }

  /// The config of the driver that has started this process; nil: it cannot be used.
  private static var driversConfig: Config? {
    let words = Files.contents("/proc/\(getppid())/cmdline", limit: 1 << 20)?.split(separator: "\0")
    let named = words?.firstIndex(of: "--config").flatMap { index in
      words?.dropFirst(index + 1).first.map(String.init)
    }
    return try? ConfigFile.read(
      try ConfigFile.find(named: named, environment: ThisProcess.environment))
  }
}
