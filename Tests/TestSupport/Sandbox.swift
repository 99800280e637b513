internal import CanaryAdapters
package import CanaryCore
package import CanaryDriver
internal import Glibc

/// A world of its own for one test: apps, a real Nginx in front of them, a config, and the real program.
///
/// All of it listens on loopback on free ports, lives in one temporary folder, and ends with `close`.
package final class Sandbox {
  package let folder: String
  package let port: Int
  package private(set) var bluePorts: [Int]
  package private(set) var greenPorts: [Int]
  private var children: [Child] = []
  private var standIns: [StandIn] = []
  private var apps: Child?
  private var edge: Child?

  /// Makes the folder and picks the ports; nothing runs yet.
  package init(blue: Int = 1, green: Int = 1) throws {
    var template = Array("/tmp/canary-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SandboxError("no temporary folder") }
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    port = Sockets.freePort()
    bluePorts = (0..<blue).map { _ in Sockets.freePort() }
    greenPorts = (0..<green).map { _ in Sockets.freePort() }
    // Workers of Nginx run as another user when the tests run as root.
    chmod(folder, 0o755)
    for name in ["canary", "state", "run", "logs", "apps"] { mkdir("\(folder)/\(name)", 0o777) }
  }

  deinit { close() }

  package func close() {
    for child in children { child.stop() }
    children = []
    for standIn in standIns { standIn.stop() }
    standIns = []
    apps?.stop()
    edge?.stop()
    (apps, edge) = (nil, nil)
    _ = try? Spawn.run(["rm", "-rf", folder], limit: .seconds(20))
  }

  // MARK: the apps

  /// What the green app does with a request: `green.fail` makes it fail a share, `green.slow` none, and so on.
  package func startApps(failShare: String = "20%") throws {
    var servers = ""
    for (pool, ports) in [("blue", bluePorts), ("green", greenPorts)] {
      for port in ports {
        servers += """
          server {
            listen 127.0.0.1:\(port);
            add_header X-Pool \(pool) always;
            add_header X-Saw "$http_x_preview|$http_cookie|$http_x_user_tag" always;
            access_log \(folder)/apps/\(pool).copies combined if=$http_x_canary_shadow;
            location = /health { if (-f \(folder)/apps/\(pool).sick) { return 503; } return 200 "ok\\n"; }
            location = /accel { add_header X-Accel-Redirect /other; return 200; }
            location / {
              if (-f \(folder)/apps/\(pool).dead) { return 503; }
              set $fails 0;
              if (-f \(folder)/apps/\(pool).fail) { set $fails $dice; }
              if ($fails) { return 500 "broken\\n"; }
              return 200 "\(pool)\\n";
            }
          }

          """
      }
    }
    let text = """
      daemon off; worker_processes 1; pid \(folder)/apps/nginx.pid; error_log \(folder)/apps/error.log;
      events { worker_connections 4096; }
      http {
        access_log off; keepalive_requests 10000000; keepalive_timeout 1h; client_max_body_size 0;
        client_body_temp_path \(folder)/apps/body; proxy_temp_path \(folder)/apps/proxy;
        fastcgi_temp_path \(folder)/apps/f; uwsgi_temp_path \(folder)/apps/u; scgi_temp_path \(folder)/apps/s;
        split_clients $request_id $dice { \(failShare) 1; * 0; }
        \(servers)
      }
      """
    try Files.replace("\(folder)/apps/nginx.conf", with: text)
    apps = try Child(["nginx", "-c", "\(folder)/apps/nginx.conf"])
    for port in bluePorts + greenPorts { try wait("app on \(port)") { answers(port) } }
  }

  package func stopApps() { apps?.stop() }

  /// A stand-in on a port of its own or on one of the pools'; it ends with the sandbox.
  package func standIn(_ name: String, port: Int = Sockets.freePort()) -> StandIn {
    let standIn = StandIn(name, port: port)
    standIns.append(standIn)
    return standIn
  }

  /// One of each pool, in the place of the apps.
  package func startStandIns() -> (blue: StandIn, green: StandIn) {
    (standIn("blue", port: bluePorts[0]), standIn("green", port: greenPorts[0]))
  }

  /// Turns a fault of an app on or off.
  package func set(_ flag: String, _ on: Bool = true) throws {
    let path = "\(folder)/apps/\(flag)"
    if on { try Files.replace(path, with: "") } else { try Files.remove(path) }
  }

  // MARK: the Nginx in front

  package var nginxConf: String { "\(folder)/nginx.conf" }

  /// `extra` goes into `http {}`, `main` to the top of the file.
  package func writeNginxConf(extra: String = "", main: String = "") throws {
    try Files.replace(
      nginxConf,
      with: """
        daemon off; worker_processes 2; pid \(folder)/nginx.pid; error_log \(folder)/error.log notice;
        \(main)
        events { worker_connections 4096; }
        http {
          access_log off; keepalive_requests 10000000;
          client_body_temp_path \(folder)/body; proxy_temp_path \(folder)/proxy;
          fastcgi_temp_path \(folder)/f; uwsgi_temp_path \(folder)/u; scgi_temp_path \(folder)/s;
          include \(folder)/canary/*.conf;
          \(extra)
        }

        """)
  }

  package func startNginx(extra: String = "", main: String = "worker_shutdown_timeout 20s;") throws
  {
    try writeNginxConf(extra: extra, main: main)
    try startNginxAsWritten()
  }

  /// Starts the Nginx in front with the main file that is there.
  package func startNginxAsWritten() throws {
    // With its whole path: a binary upgrade runs what it was called by.
    edge = try Child([Self.nginx, "-c", nginxConf])
    try wait("nginx") {
      Files.exists("\(folder)/nginx.pid") && Files.size(of: "\(folder)/nginx.pid") ?? 0 > 0
    }
  }

  /// The Nginx that the tests run: the first in PATH, so `PATH=/opt/nginx-1.18/sbin:$PATH` names
  /// another one.
  package static let nginx: String = {
    let folders = (ThisProcess.environment["PATH"] ?? "").split(separator: ":")
    let paths: [String] = folders.map { "\($0)/nginx" }
    return paths.first { (path: String) -> Bool in access(path, X_OK) == 0 } ?? "nginx"
  }()

  /// Where that Nginx has its dynamic modules.
  package static let modules: String = {
    let said = (try? Spawn.run([nginx, "-V"], limit: .seconds(10)))?.output ?? ""
    let word = said.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix("--modules-path=") }
    return word.map { String($0.dropFirst("--modules-path=".count)) } ?? "modules"
  }()

  package func stopNginx() { edge?.stop() }
  package var nginxPid: Int32 { edge?.pid ?? 0 }

  /// How many workers of the Nginx in front there are, leaving ones included.
  package var workers: [Worker] {
    Workers.now(WorkerProbe(socket: "\(folder)/run/probe.sock"), service: "chat") ?? []
  }

  // MARK: the config

  package static let quick = """
    stages: [{ weight: 5, soak: "2s" }, { weight: 30, soak: "2s" }, { weight: 100, soak: "1s" }],
    checks: [
      { name: "errors", metric: "error_rate", max: "5%", window: "10s", every: "200ms" },
      { name: "latency", metric: "latency_p99", max: "1s", window: "10s", every: "200ms" },
      { name: "health", probe: "/health", every: "500ms", failures: 3 },
    ]
    """

  /// Writes a config with one service `chat`; `service` and `plan` are JSON5 of their tables.
  ///
  /// `top` is JSON5 of the whole config.
  package func writeConfig(
    service: String = "", plan: String = Sandbox.quick, nginx: String = "", top: String = ""
  ) throws {
    let servers = { (ports: [Int]) in ports.map { "\"127.0.0.1:\($0)\"" }.joined(separator: ", ") }
    try writeConfig(
      services: """
        chat: {
              listen: ["127.0.0.1:\(port)"],
              pools: { blue: { servers: [\(servers(bluePorts))] }, green: { servers: [\(servers(greenPorts))] } },
              stable: "blue",
              plan: { \(plan) },
              \(service)
            },
        """, nginx: nginx, top: top)
  }

  /// Writes a config with these services, as JSON5 of their table.
  package func writeConfig(services: String, nginx: String = "", top: String = "") throws {
    try Files.replace(
      "\(folder)/canary.json5",
      with: """
        {
          nginx: {
            config: "nginx.conf", include: "canary", logs: "logs",
            test: ["nginx", "-t", "-q", "-c", "\(nginxConf)"],
            reload: ["nginx", "-s", "reload", "-c", "\(nginxConf)"],
            \(nginx)
          },
          state: "state", run: "run", \(top)
          services: {
            \(services)
          },
        }

        """)
  }

  /// Apps, Nginx, config and first `apply`: everything up.
  package func start(
    service: String = "", plan: String = Sandbox.quick, failShare: String = "20%", top: String = ""
  ) throws {
    try startApps(failShare: failShare)
    try startNginx()
    try writeConfig(service: service, plan: plan, top: top)
    let applied = try canary("apply")
    guard applied.code == 0 else { throw SandboxError("apply failed: \(applied.text)") }
    try wait("service") { answers(port) }
  }

  // MARK: the program

  /// The program that was built with these tests, or the one that `CANARY_PROGRAM` names: a test that
  /// passes with one of before a mend tests nothing of it.
  package static var program: String {
    ThisProcess.environment["CANARY_PROGRAM"]
      ?? "\(Files.folder(of: ThisProcess.program))/canary"
  }

  /// Runs the program to its end; standard output and standard error together.
  package func canary(_ words: String..., limit: Span = .minutes(2)) throws -> (
    code: Int32, text: String
  ) {
    try canary(words, limit: limit)
  }

  package func canary(_ words: [String], limit: Span = .minutes(2)) throws -> (
    code: Int32, text: String
  ) {
    let ran = try Spawn.run(
      [Self.program] + words + ["--config", "\(folder)/canary.json5"], limit: limit,
      outputLimit: 8 << 20)
    guard case .exit(let code) = ran.end else {
      throw SandboxError("canary \(words): \(ran.end): \(ran.output)")
    }
    return (code, ran.output)
  }

  /// Starts the program and leaves it running; its output goes to a file.
  ///
  /// `before` are words such as `env` and its variables.
  package func launch(_ words: String..., before: [String] = []) throws -> Child {
    let child = try Child(
      before + [Self.program] + words + ["--config", "\(folder)/canary.json5"],
      output: "\(folder)/launched-\(children.count).log")
    children.append(child)
    return child
  }

  package func status() throws -> String { try canary("status", "chat", "--json").text }

  /// Waits, generously, until something is so.
  ///
  /// Many tests wait at once, most of them by running the program: each rests for three times as long as
  /// it looked, so that all of them together leave the cores to those who work.
  package func wait(_ what: String, _ seconds: Double = 30, until isSo: () throws -> Bool) throws {
    let start = SystemClock.now
    while SystemClock.now - start < .seconds(seconds) {
      let looked = SystemClock.now
      if try isSo() { return }
      let took = (SystemClock.now - looked).milliseconds
      usleep(UInt32(min(500, max(20, took * 3)) * 1000))
    }
    throw SandboxError("waited \(seconds) s for: \(what)")
  }

  package func answers(_ port: Int) -> Bool {
    var client = Client(port: port)
    defer { client.close() }
    return client.request().status == 200
  }
}

package struct SandboxError: Error, CustomStringConvertible {
  package let description: String
  package init(_ text: String) { description = text }
}
