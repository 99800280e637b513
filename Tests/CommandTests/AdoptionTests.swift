import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// A location of one's own keeps what it says: what the app and the client see is the same before
/// and after `init` was followed, for configurations as people have them.
@Suite(.blocking) struct AdoptionTests {
  @Test(arguments: AdoptionShape.all) func `before is after`(_ shape: AdoptionShape) throws {
    let trial = try AdoptionTrial(shape)
    defer { trial.close() }
    let before = try trial.run()
    let text = try trial.begin()
    try trial.host.follow(text)
    trial.startCanary()
    for state in AdoptionState.allCases {
      try state.enter(trial)
      guard state.suits(shape) else { continue }
      // Limits and caches begin as they did before.
      try trial.host.restartNginx()
      let after = try trial.run()
      #expect(try trial.isOurs, "Nginx does not read canary's location\n\(text)")
      compare(before, after, "\(state)", shape, text)
    }
  }

  private func compare(
    _ before: AdoptionTrial.Record, _ after: AdoptionTrial.Record, _ state: String,
    _ shape: AdoptionShape, _ text: String
  ) {
    for (index, pair) in zip(before.answers, after.answers).enumerated() where pair.0 != pair.1 {
      #expect(pair.0 == pair.1, "\(state): the answer to \(shape.request(index).text)\n\(text)")
      // One fault is enough to read.
      break
    }
    if before.heads != after.heads {
      let gone = before.heads.filter { !after.heads.contains($0) }.first ?? "nothing"
      let new = after.heads.filter { !before.heads.contains($0) }.first ?? "nothing"
      Issue.record(
        "\(state): what the app sees: \(before.heads.count) requests before, \(after.heads.count) after\nbefore: \(gone)\nafter: \(new)\n\(text)"
      )
    }
    for (name, lines) in before.logs {
      let differing = zip(lines, after.logs[name] ?? []).first { $0 != $1 }
      #expect(
        differing == nil && lines.count == after.logs[name]?.count,
        "\(state): log \(name): \(String(describing: differing)) of \(lines.count)\n\(text)")
    }
  }
}

/// What canary does while requests are compared, in the order of a rollout that goes wrong.
enum AdoptionState: String, CaseIterable, Sendable {
  /// All requests go to stable, and no text of a rollout is there.
  case rest
  /// Half of them meet a canary that answers as stable does.
  case half
  /// Its driver was killed, and the guard has put the brake on.
  case braked
  /// The rollout is over, and Nginx has the text of before again.
  case reverted

  private static let plan = """
    { plans: { half: { stages: [{ weight: 50, soak: "10m" }, { weight: 100, soak: "1s" }],
      checks: [], ready: { within: "1m" } } },
    """

  /// A server beside the one that both pools stand for shows who answered.
  func suits(_ shape: AdoptionShape) -> Bool {
    self != .half
      || !(shape.http + shape.files.values.joined()).contains("server @SECOND")
  }

  func enter(_ trial: AdoptionTrial) throws {
    let sandbox = trial.host.sandbox
    switch self {
    case .rest: break
    case .half: try begin(trial)
    case .braked:
      let status = try sandbox.canary("status", "shop", "--json").text
      let found = try #require(status.firstMatch(of: /"pid": (\d+)/), "\(status)")
      kill(try #require(Int32(found.1)), SIGKILL)
      try sandbox.wait("the brake") {
        try sandbox.canary("status", "shop", "--json").text.contains("\"brake\": true")
      }
    case .reverted:
      let ran = try sandbox.canary("revert", "shop")
      #expect(ran.code == 0, "\(ran.text)")
      // A revert leaves the text for half a minute.
      let applied = try sandbox.canary("apply", "shop")
      #expect(applied.code == 0, "\(applied.text)")
      let location = try Files.read("\(trial.host.etc)/canary/shop.location")
      #expect(location?.contains("-f ") == false)
    }
  }

  private func begin(_ trial: AdoptionTrial) throws {
    let sandbox = trial.host.sandbox
    let config = "\(sandbox.folder)/canary.json5"
    let text = try #require(try Files.read(config))
    let brace = try #require(text.firstRange(of: "{\n"))
    let all = String(text[..<brace.lowerBound]) + Self.plan + String(text[brace.upperBound...])
    // With the shield, a request that fails on the canary would reach the app twice.
    let mark = "\"shop\": {"
    #expect(all.contains(mark), "\(all)")
    try Files.replace(config, with: all.replacing(mark, with: mark + " shield: false,"))
    let begun = try sandbox.canary("promote", "shop", "--plan", "half", "--detach")
    #expect(begun.code == 0, "\(begun.text)")
    try sandbox.wait("the stage") {
      try sandbox.canary("status", "shop", "--json").text.contains("\"phase\": \"soaking\"")
    }
  }
}

/// One shape before and after.
final class AdoptionTrial {
  /// What was seen of all requests.
  struct Record {
    /// What the client got, each without what is never twice the same.
    var answers: [String] = []
    /// What the apps got, sorted: copies and subrequests have no order.
    var heads: [String] = []
    /// The lines of the shape's own logs.
    var logs: [String: [String]] = [:]
  }

  let host: InitHost
  let shape: AdoptionShape
  let port = Sockets.freePort()
  private let tls = Sockets.freePort()
  private let second: StandIn
  private var canary: StandIn?

  init(_ shape: AdoptionShape) throws {
    self.shape = shape
    host = try InitHost()
    second = host.sandbox.standIn("second")
    for app in [host.blue, second] {
      let name = app.name
      app.set { head, body in AdoptionApp.answer(name, head, body) }
    }
    var files = shape.files.mapValues(filled)
    files["nginx.conf"] = filled(
      """
      \(shape.main)
      \(host.head)
      http {
        \(host.temporary)
        log_format plain '$request $status $body_bytes_sent';
        access_log @DIR/logs/main.log plain;
      \(shape.http)
      }

      """)
    if shape.endsLinesWithCR { files = files.mapValues { $0.replacing("\n", with: "\r\n") } }
    for (name, text) in ["index.html": "the file\n", "50x.html": "sorry\n", "in.txt": "inside\n"] {
      try Files.makeFolder("\(host.sandbox.folder)/www/protected")
      try Files.makeFolder("\(host.sandbox.folder)/www/static")
      for folder in ["", "protected/", "static/"] {
        try Files.replace("\(host.sandbox.folder)/www/\(folder)\(name)", with: text)
      }
    }
    if shape.needsCertificate {
      let made = try Spawn.run(
        [
          "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
          "/CN=tls", "-keyout", "\(host.etc)/key.pem", "-out", "\(host.etc)/cert.pem",
        ], limit: .seconds(30))
      #expect(made.succeeded, "\(made.output)")
    }
    try host.write(files)
  }

  func close() { host.close() }

  /// A canary that answers as stable does.
  func startCanary() {
    if shape.hasCanary { return }
    let port = host.sandbox.greenPorts[0]
    let app = StandIn(host.blue.name, port: port)
    app.set { head, body in AdoptionApp.answer(app.name, head, body) }
    canary = app
  }

  private func filled(_ text: String) -> String {
    text.replacing("@PORT", with: "\(port)").replacing("@TLS", with: "\(tls)").replacing(
      "@DIR", with: host.sandbox.folder
    )
    .replacing("@ETC", with: host.etc).replacing("@MODULES", with: Sandbox.modules)
    .replacing("@BLUE", with: "\(host.blue.port)")
    .replacing("@GREEN", with: "127.0.0.1:\(host.sandbox.greenPorts[0])").replacing(
      "@APP", with: "127.0.0.1:\(host.blue.port)"
    )
    .replacing("@SECOND", with: "127.0.0.1:\(second.port)")
  }

  func begin() throws -> String {
    let pick = shape.pick.map { ["--pick", "\($0)"] } ?? []
    let ran = try host.begin(words: ["shop"] + pick + ["--health", "/health"])
    #expect(ran.code == 0, "\(ran.text)")
    return ran.text
  }

  /// Whether canary's log has lines.
  var isOurs: Bool {
    get throws {
      let dump = ["nginx", "-T", "-q", "-c", host.main]
      return try Spawn.run(dump, limit: .seconds(20)).output.contains("/canary/shop.location:\n")
    }
  }

  func run() throws -> Record {
    let apps = [host.blue, second] + (canary.map { [$0] } ?? [])
    let from = apps.map(\.seen.count)
    _ = try Spawn.run(["rm", "-rf", "\(host.sandbox.folder)/cache"], limit: .seconds(5))
    let logged = try logLines().mapValues(\.count)
    var record = Record()
    for index in 0..<50 { record.answers.append(try exchange(shape.request(index))) }
    let heads = {
      zip(apps, from).flatMap { app, from in app.seen.dropFirst(from).map { (app.name, $0) } }
    }
    // A copy, and the line of a request that was cut short, may come after the answer.
    var count = -1
    try host.sandbox.wait("the last request") {
      let now = try heads().count + logLines().values.map(\.count).reduce(0, +)
      defer { count = now }
      return now == count
    }
    record.heads = heads().map { name, head in
      // The order of headers with different names says nothing.
      let lines = head.split(separator: "\r\n").map(String.init)
      return (["\(name): \(lines.first ?? "")"] + lines.dropFirst().sorted()).joined(
        separator: "\n")
    }.filter { !$0.contains(" /health ") }.sorted()
    record.logs = try logLines().reduce(into: [:]) { logs, log in
      // A line is written when its connection is over, which takes longer after a body.
      logs[log.key] = log.value.dropFirst(logged[log.key] ?? 0).sorted()
    }
    return record
  }

  /// The lines of the shape's own logs.
  private func logLines() throws -> [String: [String]] {
    try ["main", "own", "shop.example.com"].reduce(into: [:]) { logs, name in
      let text = try Files.read("\(host.sandbox.folder)/logs/\(name).log") ?? ""
      logs[name] = text.split(separator: "\n").map(String.init)
    }
  }

  private func exchange(_ request: AdoptionShape.Request) throws -> String {
    let wire = try #require(Wire(port: port))
    let length = request.body.isEmpty ? [] : ["Content-Length: \(request.body.utf8.count)"]
    let head = ["\(request.method) \(request.path) HTTP/1.1", "Host: shop.example.com"]
    let lines = head + request.headers + length + ["Connection: close", "", request.body]
    _ = wire.send(lines.joined(separator: "\r\n"))
    let bytes = wire.readAll() ?? []
    let text = String(decoding: bytes, as: UTF8.self)
    return text.split(separator: "\r\n", omittingEmptySubsequences: false).filter {
      !$0.hasPrefix("Date: ") && !$0.hasPrefix("Expires: ")
    }.joined(separator: "\n")
  }
}

/// The app behind the shapes: answers by the path.
enum AdoptionApp {
  static func answer(_ name: String, _ head: String, _ body: String) -> String {
    let lines = head.split(separator: "\r\n").map(String.init)
    let words = (lines.first ?? "").split(separator: " ").map(String.init)
    let path = words.count > 1 ? words[1] : "/"
    let said = { (header: String) in
      lines.first { $0.lowercased().hasPrefix("\(header):") }.map {
        String($0.dropFirst(header.count + 1).drop { $0 == " " })
      }
    }
    var status = 200
    var headers = ["Content-Type: text/plain", "X-Pool: \(name)", "Set-Cookie: seen=1; Path=/"]
    var text = "\(words.first ?? "") \(path) of \(name)\n\(body)"
    if path.contains("/redirect") {
      status = 302
      headers.append("Location: http://\(said("host") ?? "")/v2/next")
    } else if let range = path.firstRange(of: "/status/") {
      status = Int(path[range.upperBound...].prefix(3)) ?? 200
    } else if path.contains("/accel") {
      headers.append("X-Accel-Redirect: /protected/in.txt")
    } else if path.contains("/auth-check") {
      status = said("cookie") == nil ? 401 : 200
    } else if path.contains("/page") {
      headers[0] = "Content-Type: text/html"
      headers.append("Cache-Control: max-age=60")
      text = "<html>secret " + String(repeating: "words ", count: 300)
      text += "<!--# include virtual=\"/part\" --></html>\n"
    }
    let length = words.first == "HEAD" ? "" : text
    return
      (["HTTP/1.1 \(status) x", "Content-Length: \(text.utf8.count)"] + headers + ["", length])
      .joined(separator: "\r\n")
  }
}
