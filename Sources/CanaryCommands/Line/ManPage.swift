internal import CanaryHost

/// `canary __man`: the manual page, generated from the commands, in the macros of man(7).
enum ManPage {
  static var text: String {
    let commands = Program.visible.map { command in
      let spec = command.spec
      let options = spec.options.map { option in
        ".TP\n.B \(escaped(option.name))\(option.value.map { " \\fI\(escaped($0))\\fR" } ?? "")\n\(line(option.help))"
      }
      let details = spec.details.isEmpty ? "" : "\n.PP\n\(line(spec.details))"
      return
        ".SS \(escaped(spec.usage))\n\(line(spec.summary.prefix(1).uppercased() + spec.summary.dropFirst())).\(details)"
        + (options.isEmpty ? "" : "\n" + options.joined(separator: "\n"))
    }
    return """
      .TH CANARY 1 "" "canary \(Version.current)" "User Commands"
      .SH NAME
      canary \\- blue\\-green and canary rollouts for open\\-source Nginx
      .SH SYNOPSIS
      .B canary
      .I command
      .RI [ service ]
      .RI [ options ]
      .SH DESCRIPTION
      Moves traffic from one pool of servers to another by stages of weight, reloads Nginx and verifies that running
      workers serve what was asked for, gates each stage on checks, and sends all traffic back when one fails.
      In an emergency:
      .B canary revert
      .IR service .
      .SH COMMANDS
      Each takes
      .BI \\-\\-config " FILE"
      and
      .BR \\-\\-help .
      \(commands.joined(separator: "\n"))
      \(fixed)
      """
  }

  /// What is the same whatever the commands are.
  private static let fixed = """
    .SH EXIT STATUS
    .TP
    .B 0
    Done; of promote: the canary is now stable.
    .TP
    .B 1
    Something outside failed (Nginx, disk, a server); the message says what and what to do.
    .TP
    .B 2
    What was given is wrong (command line, config); nothing was touched.
    .TP
    .B 3
    A gate failed; all traffic is back on stable.
    .TP
    .B 4
    A person stopped it (revert, or a signal to promote); all traffic is back on stable.
    .TP
    .B 5
    Busy: a rollout is running, or frozen; nothing was touched.
    .TP
    .B 6
    \\-\\-timeout passed while waiting; the rollout goes on.
    .SH ENVIRONMENT
    .TP
    .B CANARY_CONFIG
    The config, when \\-\\-config does not name one.
    .SH FILES
    .TP
    .I /etc/canary/canary.json5
    The config.
    .TP
    .I /var/lib/canary/canary.db
    The store: states and the history.
    .TP
    .I /run/canary/seats/SERVICE
    The seats that meet the canary. Without this folder every new request of the service goes to stable.
    .TP
    .I /run/canary/SERVICE.brake
    While this file exists, a service with weights: "upstream" does the same.
    .SH SEE ALSO
    .BR nginx (8),
    .BR systemctl (1)
    """

  private static func escaped(_ text: some StringProtocol) -> String {
    String(text).replacing("\\", with: "\\e").replacing("-", with: "\\-")
  }

  /// Text of which no line starts a macro.
  private static func line(_ text: some StringProtocol) -> String {
    escaped(text).split(separator: "\n").map {
      ($0.hasPrefix(".") || $0.hasPrefix("'") ? "\\&" : "") + $0
    }.joined(separator: "\n")
  }
}
