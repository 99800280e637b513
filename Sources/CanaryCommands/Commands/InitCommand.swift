internal import CanaryAdapters
internal import CanaryCore
internal import CanaryHost

/// `canary init`: writes a first config from what Nginx does now.
enum InitCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "init", service: .optional,
      summary: "write a first config from what Nginx passes on now",
      details: """
        Lists what the running Nginx passes on, asks which of it is the service and where the new version will live, writes
        a config, and shows the lines to add to Nginx's own. No file that is there already is ever changed.
        """,
      options: [
        Option("--list", nil, "list what Nginx passes on, and write nothing"),
        Option("--pick", "N", "which of the list; else it is asked, unless there is one only"),
        Option(
          "--new", "SERVERS", "where the new version will live: host:port, several with commas"),
        Option(
          "--health", "PATH", "what a server that is well answers; else the usual paths are tried"),
        Option("--nginx", "FILE", "Nginx's main file; else that of the running Nginx"),
        Option(
          "--dump", "FILE", "what `nginx -T` printed, as of a container; - for standard input"),
        Option(
          "--include", "DIR",
          "where the generated files will be; else canary/ beside Nginx's main file"),
        Option("--logs", "DIR", "where Nginx writes its logs; else /var/log/nginx"),
        Option("--state", "DIR", "where canary keeps its store; else /var/lib/canary"),
        Option("--run", "DIR", "where its flags and locks are; else /run/canary"),
        .json,
      ])
  ) { call throws(Failure) in
    var map = try await look(call)
    if call["--dump"] == nil { map.usualLog = await usualLog() }
    let usable = map.proxies.filter { Adoption.obstacle($0, map) == nil }
    if call.has("--list") {
      call.output.out(
        call.has("--json") ? InitListing.json(map, usable) : InitListing.text(map, usable))
      return .done
    }
    guard !usable.isEmpty else {
      throw Failure(
        .wrong,
        "\(InitListing.text(map, usable))\nThere is nothing that canary can take over. To begin without, see docs/config.md"
      )
    }
    let person = InitPerson(output: call.output)
    let proxy = try pick(call, map, usable, person)
    guard let adoption = Adoption(proxy, map) else {
      throw Failure(.wrong, "\(proxy.target) cannot be taken over: see canary init --list")
    }
    let service = try serviceName(call, adoption)
    let new = try newServers(call, person)
    var draft = InitDraft(adoption: adoption, service: service, new: new)
    places(call, &draft)
    draft.health = try await HealthPath.find(call, draft)
    draft.isElsewhere = call["--dump"] != nil
    draft.config = path(call) == ConfigFile.usual ? "" : " --config \(path(call))"
    try await write(draft, to: path(call), call.output)
    return .done
  }

  // MARK: what Nginx does now

  /// What Nginx proxies: from `--dump`, `nginx -T` or, where that fails, the files themselves.
  private static func look(_ call: Invocation) async throws(Failure)
    -> NginxInventory
  {
    if let dump = call["--dump"] {
      let text = try read(dump == "-" ? "/dev/stdin" : dump)
      guard let map = NginxInventory(dump: text) else {
        throw Failure(
          .wrong,
          "\(dump) is not what `nginx -T` prints: it has no line `# configuration file PATH:`")
      }
      return map
    }
    let (main, running) = try InitNginx.choose(call["--nginx"], InitPerson(output: call.output))
    // Its modules run in here.
    if let (fault, cure) = Trust.stranger(main), ThisProcess.isRoot {
      throw Failure(
        .wrong,
        "\(main) is not read as root, because its modules would run as root: \(fault)",
        hint: "If it is right as it is: \(cure). Nothing was written.")
    }
    guard Files.isReadable(main) else {
      throw Failure(
        .outside,
        "\(main) cannot be read here. Name Nginx's main file with --nginx FILE; of a container: docker exec NAME nginx -T | canary init --dump -"
      )
    }
    let words = [running.flatMap(Workers.program) ?? "nginx", "-T", "-q", "-c", main]
    let ran = await Blocking.run {
      try? Spawn.run(words, limit: .seconds(30), keepsRights: true, outputLimit: 64 << 20)
    }
    if let ran, ran.succeeded, let map = NginxInventory(dump: ran.output) { return map }
    let why =
      ran?.output.split(separator: "\n").first.map { ": \(Text.sanitized(String($0)))" } ?? ""
    call.output.err(
      "canary: note: `\(words.joined(separator: " "))` did not succeed, so the files are read as they are\(why)"
    )
    return NginxInventory(reading: main)
  }

  /// The log that this host's Nginx was built with; nil when it does not say.
  private static func usualLog() async -> String? {
    let ran = await Blocking.run { try? Spawn.run(["nginx", "-V"], limit: .seconds(10)) }
    let option = "--http-log-path="
    return ran?.output.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix(option) }.map {
      String($0.dropFirst(option.count))
    }
  }

  private static func read(_ path: String) throws(Failure) -> String {
    let text: String?
    do throws(FileError) {
      text = try Files.read(path, limit: 64 << 20, isPipeRead: true)
    } catch {
      throw Failure(.wrong, "\(error)")
    }
    guard let text else { throw Failure(.wrong, "\(path) is not there") }
    return text
  }

  // MARK: what a person says

  private static func pick(
    _ call: Invocation, _ map: NginxInventory, _ usable: [NginxInventory.Proxy],
    _ person: InitPerson
  ) throws(Failure) -> NginxInventory.Proxy {
    if call["--pick"] == nil, usable.count == 1 { return usable[0] }
    func read(_ text: String) throws(Failure) -> NginxInventory.Proxy {
      guard let number = Int(text), usable.indices.contains(number - 1) else {
        throw Failure(
          .wrong,
          "--pick must be a number from 1 to \(usable.count) (found '\(Text.sanitized(text))'); see: canary init --list"
        )
      }
      return usable[number - 1]
    }
    if let text = call["--pick"] { return try read(text) }
    person.output.err(InitListing.text(map, usable))
    return try person.ask(
      "Which is the service? (1 to \(usable.count))", else: "--pick N", read)
  }

  private static func serviceName(
    _ call: Invocation, _ adoption: Adoption
  ) throws(Failure) -> ServiceName {
    guard let text = call.arguments.service else { return InitName.guess(adoption) ?? "app" }
    guard let name = ServiceName(text) else {
      throw Failure(
        .wrong, "'\(Text.sanitized(text))' is no name for a service: \(ServiceName.rule)")
    }
    return name
  }

  private static func newServers(
    _ call: Invocation, _ person: InitPerson
  ) throws(Failure) -> [String] {
    func read(_ text: String) throws(Failure) -> [String] {
      let servers = text.split(separator: ",").map { String($0).spaceless }
      var faults: [String] = []
      for server in servers {
        do throws(Violation) {
          try Address.check(server)
        } catch {
          faults.append("--new \(error) (found '\(Text.sanitized(server))')")
        }
      }
      if servers.isEmpty { faults.append("--new must name a server, as 127.0.0.1:9002") }
      guard faults.isEmpty else { throw Failure(.wrong, faults.joined(separator: "\n")) }
      return servers
    }
    if let given = call["--new"] { return try read(given) }
    return try person.ask(
      "Where will the new version live? (host:port, several with commas)", else: "--new HOST:PORT",
      read)
  }

  // MARK: the file

  /// Sets the folders that differ from the defaults.
  private static func places(_ call: Invocation, _ draft: inout InitDraft) {
    let main = draft.map.main
    draft.include = call["--include"] ?? "\(Files.folder(of: main))/canary"
    var nginx: [(String, JSON)] = []
    if main != "/etc/nginx/nginx.conf" { nginx.append(("config", .text(main))) }
    if draft.include != "/etc/nginx/canary" { nginx.append(("include", .text(draft.include))) }
    if let logs = call["--logs"] { nginx.append(("logs", .text(logs))) }
    if !nginx.isEmpty { draft.top.append("nginx: \(JSON.table(nginx).line)") }
    for key in ["state", "run"] {
      if let folder = call["--\(key)"] {
        draft.top.append("\(key): \(JSON.text(folder).line)")
      }
    }
  }

  private static func path(_ call: Invocation) -> String {
    call["--config"] ?? ThisProcess.environment["CANARY_CONFIG"] ?? ConfigFile.usual
  }

  /// Checks the draft and writes it; never replaces a file.
  private static func write(_ draft: InitDraft, to path: String, _ output: Output)
    async throws(Failure)
  {
    guard !Files.exists(path) else {
      throw Failure(
        .wrong,
        "\(path) is there already, and is not touched. Name another with --config FILE, or add this to its services:\n\(draft.block)"
      )
    }
    // The file that was checked becomes the config, by a hard link, which fails if the path exists
    // meanwhile.
    let trial = "\(path).new"
    defer { try? Files.remove(trial) }
    do throws(FileError) {
      try Files.makeFolder(Files.folder(of: path))
      try Files.replace(trial, with: draft.text)
    } catch {
      throw Failure(.outside, "\(error). Nothing was written")
    }
    let config: Config
    do throws(Problems) {
      config = try ConfigFile.read(trial)
    } catch {
      throw Failure(
        .wrong, "what Nginx does cannot be said in a config; nothing was written:\n\(error)")
    }
    do throws(FileError) {
      try Files.link(trial, as: path)
    } catch {
      throw Failure(.outside, "\(error). Nothing was written")
    }
    output.out(
      "written: \(path): service \(draft.service), stable blue (\(draft.stable.joined(separator: ", "))), green (\(draft.new.joined(separator: ", ")))"
    )
    if let health = draft.health, !draft.isGRPC {
      output.out("  a server is well when it answers GET \(health); --health PATH names another")
    }
    for note in draft.notes { output.out("  ! \(note)") }
    if let service = config.services.first {
      let outlook = await OutlookText.read(config, service, service.plan)
      if let traffic = outlook.traffic { output.out("  now: \(traffic)") }
      for warning in outlook.warnings { output.out("  ! \(warning)") }
    }
    output.out(draft.steps)
    output.out(
      "Then, once the new version runs: canary promote \(draft.service) --release VERSION\(draft.config)   (--dry-run: a look first)"
    )
  }
}
