import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// `apply` of many services: Nginx is asked once for all, and not at all where nothing has changed.
@Suite(.blocking) struct ApplyTests {
  private static let count = 20

  /// Apps and an Nginx whose tests and reloads are counted.
  private func begin(_ sandbox: Sandbox) throws {
    try sandbox.startApps()
    try Files.replace(
      "\(sandbox.folder)/counted",
      with: "#!/bin/sh\necho $1 >> \(sandbox.folder)/acts\nshift\nexec \"$@\"\n", mode: 0o755)
  }

  /// A config of many services; `extra` is JSON5 of one of them by its number.
  private func write(_ sandbox: Sandbox, ports: [Int], extra: [Int: String] = [:]) throws {
    let services = ports.enumerated().map { index, port in
      let own = extra[index] ?? ""
      let blue = own.contains("pools:") ? "" : "pools: { \(pools(sandbox)) },"
      return "s\(index): { listen: [\"127.0.0.1:\(port)\"], stable: \"blue\", \(blue) \(own) },"
    }
    let (counted, conf) = ("\(sandbox.folder)/counted", sandbox.nginxConf)
    try Files.replace(
      "\(sandbox.folder)/canary.json5",
      with: """
        {
          nginx: {
            config: "nginx.conf", include: "canary", logs: "logs",
            test: ["\(counted)", "test", "nginx", "-t", "-q", "-c", "\(conf)"],
            reload: ["\(counted)", "reload", "nginx", "-s", "reload", "-c", "\(conf)"],
          },
          state: "state", run: "run",
          services: { \(services.joined(separator: "\n")) },
        }
        """)
  }

  private func pools(_ sandbox: Sandbox, blue: String? = nil) -> String {
    "blue: { servers: [\"\(blue ?? "127.0.0.1:\(sandbox.bluePorts[0])")\"] }, green: { servers: [\"127.0.0.1:\(sandbox.greenPorts[0])\"] }"
  }

  /// How often Nginx was asked to do that since the last look.
  private func acts(_ sandbox: Sandbox) throws -> [String: Int] {
    let text = try Files.read("\(sandbox.folder)/acts") ?? ""
    try Files.remove("\(sandbox.folder)/acts")
    return text.split(separator: "\n").reduce(into: [:]) { $0[String($1), default: 0] += 1 }
  }

  private func generation(_ sandbox: Sandbox, _ index: Int) throws -> Int? {
    try Files.read("\(sandbox.folder)/canary/s\(index).conf").flatMap(GeneratedHeader.init)?
      .generation.number
  }

  private var ports: [Int] { (0..<Self.count).map { _ in Sockets.freePort() } }

  @Test func `many services are tested and reloaded once and only when a text differs`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let ports = ports
    try begin(sandbox)
    try sandbox.startNginx()
    try write(sandbox, ports: ports)
    let first = try sandbox.canary("apply")
    #expect(first.code == 0, "\(first.text)")
    #expect(try acts(sandbox) == ["test": 1, "reload": 1])
    for port in ports { #expect(sandbox.answers(port)) }
    for index in 0..<Self.count {
      #expect(first.text.contains("s\(index): Nginx serves generation 1;"), "\(first.text)")
    }

    let again = try sandbox.canary("apply")
    #expect(again.code == 0 && again.text.contains("s7: Nginx serves generation 1 already;"))
    #expect(try acts(sandbox).isEmpty)

    try write(sandbox, ports: ports, extra: [3: "timeout: \"2h\","])
    let changed = try sandbox.canary("apply")
    #expect(changed.code == 0, "\(changed.text)")
    #expect(try acts(sandbox) == ["test": 1, "reload": 1])
    #expect(try generation(sandbox, 3) == 2)
    #expect(try generation(sandbox, 4) == 1)
    let history = try sandbox.canary("audit", "s3").text
    #expect(history.contains("generation 2"), "\(history)")
  }

  @Test func `what Nginx refuses of one service keeps no other back`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let ports = ports
    try begin(sandbox)
    try sandbox.startNginx()
    // Nginx names the file of the one, and not that of the other.
    try write(
      sandbox, ports: ports,
      extra: [
        5: "pools: { \(pools(sandbox, blue: "gone.invalid:80")) },",
        11: "access_log: [\"\(sandbox.folder)/no/such/folder.log\"],",
      ])
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 1, "\(applied.text)")
    #expect(applied.text.contains("canary apply: s5: nginx refused"), "\(applied.text)")
    #expect(applied.text.contains("whose name does not resolve"), "\(applied.text)")
    #expect(applied.text.contains("canary apply: s11: nginx refused"), "\(applied.text)")
    for index in 0..<Self.count where index != 5 && index != 11 {
      #expect(applied.text.contains("s\(index): Nginx serves generation 1;"), "\(applied.text)")
      #expect(sandbox.answers(ports[index]))
    }
    #expect(try generation(sandbox, 5) == nil && generation(sandbox, 11) == nil)
    #expect(try acts(sandbox)["reload"] == 1)

    try write(sandbox, ports: ports)
    let mended = try sandbox.canary("apply")
    #expect(mended.code == 0, "\(mended.text)")
    #expect(sandbox.answers(ports[5]) && sandbox.answers(ports[11]))

    // A fault that is nobody's: everything stays as it was.
    try sandbox.writeNginxConf(extra: "server { this is broken; }")
    try write(sandbox, ports: ports, extra: [1: "timeout: \"2h\",", 2: "timeout: \"2h\","])
    let broken = try sandbox.canary("apply")
    #expect(broken.code == 1, "\(broken.text)")
    #expect(broken.text.contains("unknown directive \"this\""), "\(broken.text)")
    #expect(try generation(sandbox, 1) == 1 && generation(sandbox, 2) == 1)
  }

  @Test func `the disk is waited for as often with 40 services as with 10`() throws {
    let strace = "/usr/bin/strace"
    guard Files.exists(strace) else { return }
    var waits: [Int] = []
    for count in [10, 40] {
      let sandbox = try Sandbox()
      defer { sandbox.close() }
      try begin(sandbox)
      try sandbox.startNginx()
      try write(sandbox, ports: (0..<count).map { _ in Sockets.freePort() })
      let trace = "\(sandbox.folder)/trace"
      let ran = try Spawn.run(
        [
          strace, "-f", "-qq", "-e", "trace=fsync,fdatasync,syncfs", "-o", trace, Sandbox.program,
          "apply", "--config", "\(sandbox.folder)/canary.json5",
        ], limit: .minutes(2))
      let lines = try Files.read(trace) ?? ""
      // Where a process may not be traced there is nothing to count.
      if !ran.succeeded, lines.isEmpty { return }
      #expect(ran.succeeded, "\(ran.output)")
      waits.append(lines.split(separator: "\n").count { $0.contains("sync") })
    }
    // A few more or less: SQLite moves its log into the store when that has grown.
    #expect(waits[1] <= waits[0] + 8 && waits[0] < 40, "\(waits)")
  }

  @Test func `an apply of many that is killed anywhere is finished by the next`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let ports = ports
    try begin(sandbox)
    try sandbox.startNginx()
    try write(sandbox, ports: ports)
    for round in 1...6 {
      let timeouts = (0..<Self.count).map { ($0, "timeout: \"\(round)h\",") }
      try write(sandbox, ports: ports, extra: Dictionary(uniqueKeysWithValues: timeouts))
      let apply = try sandbox.launch("apply")
      usleep(UInt32.random(in: 20_000...700_000))
      apply.signal(SIGKILL)
      _ = apply.wait()
      for index in 0..<Self.count {
        let text = try Files.read("\(sandbox.folder)/canary/s\(index).conf")
        #expect(text.map(Seal.isWhole) ?? true, "s\(index) is not whole: \(text ?? "")")
      }
    }
    let last = try sandbox.canary("apply")
    #expect(last.code == 0, "\(last.text)")
    for index in 0..<Self.count {
      let text = try Files.read("\(sandbox.folder)/canary/s\(index).conf") ?? ""
      #expect(text.contains("_read_timeout 21600000ms"), "\(text)")
      #expect(sandbox.answers(ports[index]))
    }
    #expect(!Files.exists("\(sandbox.folder)/canary/.installing"))
  }

  @Test func `offline writes and tests all at once`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let ports = ports
    try begin(sandbox)
    try sandbox.writeNginxConf()
    try write(
      sandbox, ports: ports, extra: [5: "pools: { \(pools(sandbox, blue: "gone.invalid:80")) },"])
    let written = try sandbox.canary("apply", "--offline")
    #expect(written.code == 1, "\(written.text)")
    #expect(try acts(sandbox) == ["test": 2])
    #expect(try generation(sandbox, 5) == nil && generation(sandbox, 6) != nil)
    try sandbox.startNginx()
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 1, "\(applied.text)")
    #expect(sandbox.answers(ports[6]))
  }

  @Test func `a gate that the config has changed stands in the audit, and no secret of it`() throws
  {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let plan = { (bound: String, token: String) in
      """
      stages: [{ weight: 100, soak: "1s" }],
      checks: [
        { name: "errors", metric: "error_rate", max: "\(bound)" },
        { name: "tool", command: ["true", "\(token)"] },
      ]
      """
    }
    try sandbox.start(plan: plan("5%", "opensesame-1"))
    try sandbox.writeConfig(plan: plan("50%", "opensesame-2"))
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 0, "\(applied.text)")
    let audit = try sandbox.canary("audit").text
    #expect(audit.contains("errors.max: \"5%\" → \"50%\""), "\(audit)")
    #expect(audit.contains("tool.command.1: (not shown, "), "\(audit)")
    #expect(!audit.contains("opensesame"))
    for name in Files.names(in: "\(sandbox.folder)/state") {
      let text = try? Files.read("\(sandbox.folder)/state/\(name)")
      #expect(text?.contains("opensesame") != true, "\(name)")
    }
  }
}
