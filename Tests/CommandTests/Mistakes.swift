import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport

/// One usual mistake of an operator: how it is made, and what the program must say to it.
struct Mistake: Sendable, CustomStringConvertible {
  let description: String
  /// The words by which somebody looks for it; `docs/troubleshooting.md` has them as its headings.
  let symptom: String
  /// The cause, and what to type.
  let says: [String]
  let code: Int32
  /// Makes the mistake in a sandbox that is up, or has a config only, and returns what is said.
  let make: @Sendable (Sandbox) throws -> (code: Int32, text: String)

  init(
    _ description: String, _ symptom: String, _ says: String..., code: Int32 = 2,
    make: @escaping @Sendable (Sandbox) throws -> (code: Int32, text: String)
  ) {
    self.description = description
    self.symptom = symptom
    self.says = says
    self.code = code
    self.make = make
  }

  /// With a config of which one text is exchanged.
  static func config(
    _ old: String, _ new: String, _ words: String...
  ) -> @Sendable (Sandbox) throws -> (code: Int32, text: String) {
    { sandbox in
      try edit(sandbox, old, new)
      return try sandbox.canary(words)
    }
  }

  static func edit(_ sandbox: Sandbox, _ old: String, _ new: String) throws {
    let path = "\(sandbox.folder)/canary.json5"
    let text = try Files.read(path) ?? ""
    guard text.contains(old) else { throw SandboxError("no '\(old)' in the config") }
    try Files.replace(path, with: text.replacing(old, with: new))
  }

  static func words(_ words: String...) -> @Sendable (Sandbox) throws -> (code: Int32, text: String)
  {
    { try $0.canary(words) }
  }

  /// A program run by a shell, in the sandbox's folder.
  static func shell(_ sandbox: Sandbox, _ script: String) throws -> (code: Int32, text: String) {
    let ran = try Spawn.run(
      ["sh", "-c", "cd '\(sandbox.folder)' && \(script)"], limit: .minutes(1),
      environment: ["CANARY": Sandbox.program, "CANARY_CONFIG": ""])
    guard case .exit(let code) = ran.end else { throw SandboxError("\(ran.end): \(ran.output)") }
    return (code, ran.output)
  }
}

// Mistakes in words and in the config, which need no Nginx.
extension Mistake {
  static let written: [Mistake] = [
    Mistake(
      "a comma is missing", "',' or '}' is missing after line", "is not valid JSON5, near line",
      "column", "stable: \"blue\"", "| ", "^",
      make: config("stable: \"blue\",", "stable: \"blue\"", "status")),
    Mistake(
      "a bracket is missing", "it ends too early", "is not valid JSON5, near line",
      make: { sandbox in
        try Files.replace("\(sandbox.folder)/canary.json5", with: "{ nginx: {\n")
        return try sandbox.canary("status")
      }),
    Mistake(
      "quotes of a word processor", "a value is missing, or must be in quotes", "“blue”", "^",
      make: config("stable: \"blue\"", "stable: “blue”", "status")),
    Mistake(
      "a key that is misspelt", "is not a known key", "did you mean 'listen'?", "line ",
      make: config("listen:", "lisen:", "check")),
    Mistake(
      "a duration without a unit", "must be a duration such as", "(found \"2 sec\")", "line ",
      make: config("soak: \"2s\"", "soak: \"2 sec\"", "check")),
    Mistake(
      "a stable pool that is none", "stable must be one of the service's pools (blue, green)",
      "did you mean 'blue'?", make: config("stable: \"blue\"", "stable: \"bleu\"", "check")),
    Mistake(
      "a weight of 101", "must be a percentage above 0 and at most 100", "(found 101)",
      make: config("weight: 5,", "weight: 101,", "check")),
    Mistake(
      "a port that is none", "must end in a port from 1 to 65535", "as in 127.0.0.1:9001",
      make: config("listen: [\"127.0.0.1:", "listen: [\"127.0.0.1:9", "check")),
    Mistake(
      "another config", "is not there: correct --config or $CANARY_CONFIG", "canary init",
      make: { try shell($0, "\"$CANARY\" status --config nowhere.json5") }),
    Mistake(
      "a config that others may write", "is not used, because everybody may write",
      "names programs that run with your rights", "chmod go-w ",
      make: { try shell($0, "chmod 666 canary.json5; \"$CANARY\" status") }),
    Mistake(
      "a service that does not exist", "there is no service 'chta'", "did you mean 'chat'?",
      make: words("promote", "chta")),
    Mistake(
      "no service", "which service?", "usage: canary promote SERVICE", make: words("promote")),
    Mistake(
      "an unknown option", "unknown option '--relase'", "did you mean '--release'?",
      make: words("promote", "chat", "--relase", "v2")),
    Mistake(
      "an option of another tool", "unknown option '--foo'", "canary promote --help",
      make: words("promote", "chat", "--foo")),
    Mistake(
      "an option without its value", "--release needs a value", "--release VERSION",
      make: words("promote", "chat", "--release")),
    Mistake(
      "an option twice", "--release is given twice", "keep one of them",
      make: words("promote", "chat", "--release", "a", "--release", "b")),
    Mistake(
      "an empty variable as the release", "--release is empty", "a variable of a script is not set",
      "or leave it out", make: words("promote", "chat", "--release", "")),
    Mistake(
      "a word too many", "unexpected 'now'", "usage: canary promote SERVICE",
      make: words("promote", "chat", "now")),
    Mistake(
      "the stable pool as the target", "blue is the stable pool already", "Nothing was touched",
      "canary status chat",
      make: { sandbox in
        try sandbox.startApps()
        try sandbox.startNginx()
        _ = try sandbox.canary("apply")
        return try sandbox.canary("promote", "chat", "--to", "blue")
      }),
    Mistake(
      "a plan that does not exist", "there is no plan 'fast'", "(plans: standard, try)",
      make: words("promote", "chat", "--plan", "fast")),
    Mistake(
      "render with 101 %", "--weight must be from 0 to 100", "(found '101')",
      make: words("render", "chat", "--weight", "101")),
    Mistake(
      "simulate with 200 %", "--canary must be a share such as 3%", "(found '200%')",
      make: words("simulate", "chat", "--rps", "3", "--canary", "200%")),
    Mistake(
      "a time that is none", "--at must be a time such as", "(found 'yesterday')",
      make: words("promote", "chat", "--at", "yesterday")),
    Mistake(
      "nothing to approve", "nothing waits for an approval", "canary status chat",
      make: words("approve", "chat")),
    Mistake(
      "resume without a rollout", "no rollout is running", "canary status chat",
      make: words("resume", "chat")),
    Mistake(
      "revert of nothing", "nothing to revert", "all traffic is on blue", code: 0,
      make: { sandbox in
        try sandbox.startApps()
        try sandbox.startNginx()
        _ = try sandbox.canary("apply")
        return try sandbox.canary("revert", "chat")
      }),
    Mistake(
      "a time without a controller", "no controller is running, so this rollout will not start",
      "systemctl start canary", code: 0, make: words("promote", "chat", "--at", "23:59")),
    Mistake(
      "a file as the state", "is a file, not a folder", "Correct `state`", code: 1,
      make: config("state: \"state\"", "state: \"canary.json5\"", "freeze", "chat", "--reason", "x")
    ),
  ]
}
