import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// What `scripts/install` puts in place, in a scratch root: read by systemd, man and the shells themselves.
@Suite(.blocking) struct InstallTests {
  private static let repository = #filePath.split(separator: "/").dropLast(3).reduce("") {
    "\($0)/\($1)"
  }

  private func run(_ words: String..., environment: [String: String] = [:]) throws -> ProcessResult
  {
    try Spawn.run(words, limit: .minutes(2), environment: environment)
  }

  private func installed() throws -> Folder {
    let root = try Folder()
    let ran = try run(
      "bash", "\(Self.repository)/scripts/install", "--root", root.path, "--binary",
      Sandbox.program)
    try #require(ran.succeeded, "\(ran.output)")
    return root
  }

  @Test func `the unit passes what systemd says of it`() throws {
    let root = try installed()
    let unit = "\(root.path)/etc/systemd/system/canary.service"
    // systemd looks whether the program is there: in the scratch root it is elsewhere.
    let text = try #require(try Files.read(unit))
    let moved = "\(root.path)/canary.service"
    try Files.replace(
      moved, with: text.replacing("=/usr/local", with: "=\(root.path)/usr/local"))
    let verified = try run("systemd-analyze", "verify", "--man=no", moved)
    #expect(verified.succeeded && !verified.output.contains("canary"), "\(verified.output)")
    let rated = try run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
    let level = rated.output.split(separator: "\n").last ?? ""
    let exposure = level.firstMatch(of: /: ([0-9.]+) OK/).flatMap { Double($0.1) }
    #expect(try #require(exposure, "\(level)") <= 2.0)
  }

  @Test func `installing twice keeps the config, and undoing leaves only what Nginx may need`()
    throws
  {
    let root = try installed()
    let config = "\(root.path)/etc/canary/canary.json5"
    #expect(try ConfigFile.read(config).services.map(\.name.text) == ["chat"])
    try Files.replace(config, with: "{ mine: true }")
    let words = ["bash", "\(Self.repository)/scripts/install", "--root", root.path]
    #expect(try Spawn.run(words + ["--binary", Sandbox.program], limit: .minutes(2)).succeeded)
    #expect(try Files.read(config) == "{ mine: true }")
    let undone = try Spawn.run(words + ["--undo"], limit: .minutes(1))
    #expect(undone.succeeded, "\(undone.output)")
    let left = try run("find", root.path, "-type", "f").output
    #expect(left == "\(config)\n", "\(left)")
    let wrong = try Spawn.run(words + ["--rooot"], limit: .minutes(1))
    #expect(wrong.end == .exit(1) && wrong.output.contains("usage:"), "\(wrong.output)")
  }

  @Test func `man prints the page, with every command`() throws {
    let root = try installed()
    let page = "\(root.path)/usr/local/share/man/man1/canary.1"
    let ran = try run(
      "man", "--warnings", "--local-file", page,
      environment: ["MANWIDTH": "100", "LC_ALL": "C.UTF-8"])
    #expect(ran.succeeded, "\(ran.output)")
    for word in ["canary promote SERVICE", "--in-window", "canary audit", "EXIT STATUS", "revert"] {
      #expect(ran.output.contains(word), "\(word)")
    }
    #expect(!ran.output.contains("warning"), "\(ran.output.prefix(500))")
  }

  @Test func `bash, zsh and fish load their completions`() throws {
    let root = try installed()
    let bash = "\(root.path)/usr/share/bash-completion/completions/canary"
    let offered = try run(
      "bash", "-c",
      ". \(bash); COMP_WORDS=(canary pro); COMP_CWORD=1; _canary; echo ${COMPREPLY[*]}; COMP_WORDS=(canary promote --in); COMP_CWORD=2; _canary; echo ${COMPREPLY[*]}"
    )
    #expect(offered.output == "promote\n--in-window\n", "\(offered.output)")
    let zsh = "\(root.path)/usr/local/share/zsh/site-functions"
    let loaded = try run(
      "zsh", "-f", "-c",
      "fpath=(\(zsh) $fpath); autoload -Uz compinit && compinit -D -u && autoload +X _canary && echo ${_comps[canary]}"
    )
    #expect(loaded.succeeded && loaded.output == "_canary\n", "\(loaded.output)")
    let fish = "\(root.path)/usr/share/fish/vendor_completions.d/canary.fish"
    let words = try run(
      "fish", "--no-config", "-c",
      "source \(fish); complete -C 'canary pro'; complete -C 'canary promote --in'")
    #expect(words.succeeded, "\(words.output)")
    #expect(words.output.contains("promote\tmove traffic to the other pool"), "\(words.output)")
    #expect(words.output.contains("--in-window\tbegin in the next window"), "\(words.output)")
  }

  /// A controller within the unit's capabilities, mounts and filter of calls, and a person of its group, who has none.
  @Test(.long, .enabled(if: getuid() == 0, "taking another user's place takes root"))
  func `what the unit allows is enough for rollouts, hooks and notices`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let hook = #"[{ run: ["sh", "-c", "grep CapEff /proc/self/status"] }]"#
    try sandbox.start(
      service: "hooks: { before_stage: \(hook) },",
      plan: """
        stages: [{ weight: 50, soak: "300ms" }, { weight: 100, soak: "300ms" }],
        checks: [{ name: "health", probe: "/health", every: "100ms", failures: 3 }]
        """,
      top: #"notify: { file: { command: ["sh", "-c", "cat >> \#(sandbox.folder)/state/told"] } },"#)
    // Everything that canary writes belongs to its user, as tmpfiles and systemd see to it; Nginx's logs do not.
    let user = "61234"
    for name in ["state", "run", "canary"] {
      #expect(try run("chown", "-R", "\(user):\(user)", "\(sandbox.folder)/\(name)").succeeded)
    }
    #expect(try run("chmod", "0640", "\(sandbox.folder)/error.log").succeeded)
    let controller = try sandbox.launch(
      "controller",
      before: [
        "unshare", "-m", "--propagation", "private", "python3",
        "\(Self.repository)/scripts/parts/confined.py",
        "\(Self.repository)/scripts/parts/system/canary.service", sandbox.folder,
      ])
    try sandbox.wait("the controller") { controller.text.contains("driving 1 service") }
    let asUser = ["setpriv", "--reuid=\(user)", "--regid=\(user)", "--clear-groups"]
    for round in ["the first", "after a restart of Nginx"] {
      let promote = try sandbox.launch("promote", "chat", before: asUser)
      #expect(promote.wait() == 0, "\(round): \(promote.text)\(controller.text)")
      sandbox.stopNginx()
      try sandbox.startNginxAsWritten()
    }
    controller.signal(SIGTERM)
    #expect(controller.wait() == 0, "\(controller.text)")
    let told = try Files.read("\(sandbox.folder)/state/told") ?? ""
    #expect(told.contains("promoted") && !told.contains("Operation not permitted"), "\(told)")
  }
}
