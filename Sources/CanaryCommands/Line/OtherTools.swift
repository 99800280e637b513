internal import CanaryCore

/// The words by which other tools call what canary does.
enum OtherTools {
  /// What to type instead of a command that canary does not have; nil: no other tool has it either.
  ///
  /// The service is the one that was named, where it can be one.
  static func advice(_ command: String, _ words: [String]) -> String? {
    let named = words.first { !$0.hasPrefix("-") }.flatMap(ServiceName.init)
    let service = named?.text ?? "SERVICE"
    switch command.lowercased() {
    case "abort", "rollback", "undo", "back", "backout":
      return "to send all traffic back to stable, type: canary revert \(service)"
    case "stop", "halt", "kill", "end":
      return
        "to send all traffic back to stable, type: canary revert \(service) · to hold the stage: canary pause \(service)"
    case "deploy", "start", "release", "switch", "rollout", "begin", "run", "upgrade", "ship":
      return "to move traffic to the new version, type: canary promote \(service)"
    case "hold", "wait": return "to hold the stage, type: canary pause \(service)"
    case "continue", "unpause", "go": return "to go on, type: canary resume \(service)"
    case "skip", "next": return "to leave the stage now, type: canary advance \(service)"
    case "logs", "log", "events": return "to see what happened, type: canary history \(service)"
    case "list", "ls", "ps", "get", "describe", "info":
      return "to see what is so now, type: canary status\(named.map { " \($0)" } ?? "")"
    case "watch", "top": return "to watch it, type: canary status \(service) --watch"
    case "validate", "test", "lint", "doctor", "verify": return "type: canary check"
    case "plan", "preview", "diff":
      return "to see what would happen, type: canary promote \(service) --dry-run"
    default: return nil
    }
  }
}
