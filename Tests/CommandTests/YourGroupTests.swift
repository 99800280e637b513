import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// Pools that are upstream groups of one's own, and names that are resolved while Nginx runs.
@Suite(.blocking) struct YourGroupTests {
  private static let plan = """
    plan: { stages: [{ weight: 50, soak: "10m" }, { weight: 100, soak: "200ms" }],
      checks: [{ name: "errors", metric: "error_rate", max: "90%", min_requests: 20, every: "200ms" }] },
    """

  /// Adopts this Nginx by `init`, with other texts in its config, and promotes to the first stage.
  private func begin(
    _ http: String, location: String, _ change: (String) -> String
  ) throws -> (host: InitHost, port: Int, green: StandIn) {
    let host = try InitHost()
    let port = Sockets.freePort()
    let green = host.sandbox.standIn("green", port: host.sandbox.greenPorts[0])
    let filled = { (text: String) in
      text.replacing("BLUE_PORT", with: "\(host.blue.port)").replacing(
        "BLUE", with: "127.0.0.1:\(host.blue.port)"
      ).replacing("GREEN", with: "127.0.0.1:\(green.port)")
    }
    try host.write([
      "nginx.conf": """
      \(host.head)
      http {
        \(host.temporary)
        access_log off;
        \(filled(http))
        server {
          listen 127.0.0.1:\(port);
          location / {
            proxy_set_header Host $host;
            \(filled(location))
          }
        }
      }

      """
    ])
    let text = try host.begin(words: ["shop", "--health", "/health"])
    #expect(text.code == 0, "\(text.text)")
    let path = "\(host.sandbox.folder)/canary.json5"
    let config = try #require(try Files.read(path))
    let changed = change(config).replacing("plan: \"try\",", with: Self.plan)
    #expect(changed != config, "\(config)")
    try Files.replace(path, with: changed)
    try host.follow(text.text)
    let reloaded = try Spawn.run(["nginx", "-s", "reload", "-c", host.main], limit: .seconds(20))
    #expect(reloaded.succeeded, "\(reloaded.output)")
    // Workers of before the reload answer for a while: none of them is left after this.
    try host.restartNginx()
    let checked = try host.sandbox.canary("check")
    #expect(checked.code == 0, "\(checked.text)")
    try promote(host)
    return (host, port, green)
  }

  private func promote(_ host: InitHost) throws {
    let begun = try host.sandbox.canary("promote", "shop", "--detach")
    #expect(begun.code == 0, "\(begun.text)")
    try wait(host, for: "soaking")
  }

  private func wait(_ host: InitHost, for phase: String) throws {
    try host.sandbox.wait(phase) {
      try host.sandbox.canary("status", "shop", "--json").text.contains("\"phase\": \"\(phase)\"")
    }
  }

  /// How many of so many requests each pool answered; those that failed by their status.
  private func ask(_ port: Int, _ count: Int) -> [String: Int] {
    var client = Client(port: port)
    defer { client.close() }
    return (0..<count).reduce(into: [:]) { counts, _ in
      let answer = client.exchange()
      let isGood = answer?.status == 200
      counts[isGood ? answer?.pool ?? "" : "\(answer?.status ?? 0)", default: 0] += 1
    }
  }

  @Test func `an upstream of one's own is adopted, promoted and reverted as it is`() throws {
    let (host, port, green) = try begin(
      """
      upstream app { random two; server 127.0.0.1:1 down; server BLUE max_fails=0; keepalive 4; }
      upstream next { least_conn; server GREEN max_fails=0; keepalive_requests 50; }
      """, location: "proxy_pass http://app;"
    ) { config in
      #expect(config.contains("blue: { upstream: \"app\" }"), "\(config)")
      let old = config.split(separator: "\n").first { $0.contains("green: {") } ?? ""
      return config.replacing(old, with: "green: { upstream: \"next\" },")
    }
    defer { host.close() }
    let text = try #require(try Files.read("\(host.etc)/canary/shop.conf"))
    #expect(!text.contains("\nupstream "), "\(text)")
    let half = ask(port, 400)
    #expect((half["blue"] ?? 0) + (half["green"] ?? 0) == 400, "\(half)")
    #expect((140...260).contains(half["green"] ?? 0), "\(half)")
    // Its lines count for the pools: else no check could pass.
    try host.sandbox.wait("the verdict") {
      try host.sandbox.canary("status", "shop", "--json").text.contains("\"verdict\": \"pass\"")
    }

    // What fails in one group is not tried in the other, in either direction.
    green.stop()
    let dead = ask(port, 200)
    #expect((dead["502"] ?? 0) > 50 && (dead["blue"] ?? 0) > 50, "\(dead)")
    green.start()
    host.blue.stop()
    let before = green.seen.count { $0.hasPrefix("GET / ") }
    let headless = ask(port, 200)
    #expect((headless["502"] ?? 0) > 50, "\(headless)")
    #expect(green.seen.count { $0.hasPrefix("GET / ") } - before == headless["green"])
    host.blue.start()
    #expect(try host.sandbox.canary("revert", "shop").code == 0)
    #expect(ask(port, 100) == ["blue": 100])

    try promote(host)
    #expect(try host.sandbox.canary("advance", "shop").code == 0)
    try host.sandbox.wait("promoted") {
      _ = ask(port, 20)
      return try host.sandbox.canary("status", "shop", "--json").text.contains(
        "\"phase\": \"promoted\"")
    }
    #expect(ask(port, 100) == ["green": 100])
    let back = try host.sandbox.canary("revert", "shop")
    #expect(back.code == 0, "\(back.text)")
    #expect(ask(port, 100) == ["blue": 100])
  }

  @Test func `a group that is not there, or shared, is said before anything`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startApps()
    try sandbox.startNginx()
    try sandbox.writeConfig()
    let path = "\(sandbox.folder)/canary.json5"
    let config = try #require(try Files.read(path))
    let server = "127.0.0.1:\(sandbox.greenPorts[0])"
    let named = config.replacing(
      "green: { servers: [\"\(server)\"] }", with: "green: { upstream: \"next\" }")
    #expect(named != config, "\(config)")
    try Files.replace(path, with: named)
    #expect(try sandbox.canary("apply").code == 0)
    let checked = try sandbox.canary("check")
    #expect(checked.code == 1 && checked.text.contains("`upstream next`"), "\(checked.text)")
    let promoted = try sandbox.canary("promote", "chat")
    #expect(promoted.code != 0, "\(promoted.text)")
    #expect(sandbox.answers(sandbox.port))

    let blue = "127.0.0.1:\(sandbox.bluePorts[0])"
    try sandbox.writeNginxConf(extra: "upstream next { server \(blue); }")
    let shared = try sandbox.canary("check")
    #expect(
      shared.code == 1 && shared.text.contains("\(blue) is a server of both blue and green"),
      "\(shared.text)")
    try sandbox.writeNginxConf(extra: "upstream next { server \(server); }")
    let good = try sandbox.canary("check")
    #expect(good.code == 0, "\(good.text)")
  }

  @Test func `names are resolved while Nginx runs, as before`() throws {
    let names = NameServer()
    defer { names.stop() }
    let (host, port, _) = try begin(
      "resolver 127.0.0.1:\(names.port) valid=1s ipv6=off;",
      location: "set $app localhost:BLUE_PORT; proxy_pass http://$app;"
    ) { config in
      #expect(config.contains("resolver: true"), "\(config)")
      return config
    }
    defer { host.close() }
    let half = ask(port, 200)
    #expect((half["blue"] ?? 0) > 50 && (half["green"] ?? 0) > 50, "\(half)")
    let before = names.asked
    try host.sandbox.wait("another question") {
      _ = ask(port, 5)
      return names.asked > before
    }
    #expect(try host.sandbox.canary("revert", "shop").code == 0)
    #expect(ask(port, 50) == ["blue": 50])
    // At rest as well, when the text names stable alone.
    #expect(try host.sandbox.canary("apply").code == 0)
    let rest = names.asked
    try host.sandbox.wait("a question at rest") {
      _ = ask(port, 5)
      return names.asked > rest
    }
  }
}
