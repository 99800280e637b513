internal import CanaryAdapters
internal import CanaryCore
internal import Glibc

/// A real Prometheus that scrapes a real exporter, a real Alertmanager, and an Nginx in front of both that shows every
/// fault a server can have; all on loopback, in one temporary folder.
package final class Monitoring {
  package let folder: Folder
  package let prometheus = Sockets.freePort()
  package let alertmanager = Sockets.freePort()
  package let exporter = Sockets.freePort()
  /// Plain HTTP with faults by path, and TLS: good, expired, and with client certificates only.
  package let front = Sockets.freePort()
  package let tls = Sockets.freePort()
  package let expired = Sockets.freePort()
  package let mutual = Sockets.freePort()
  /// Takes connections and never answers.
  package let silent = Sockets.freePort()
  private var silentFile: CInt
  private var children: [Child] = []

  package static let token = "s3cret-bearer-token"
  package static let password = "s3cret-passw0rd"

  package init() throws {
    folder = try Folder()
    silentFile = Sockets.listen(silent)
    // Workers of Nginx run as another user when the tests run as root.
    chmod(folder.path, 0o755)
  }

  deinit { close() }

  package func close() {
    for child in children { child.stop() }
    children = []
    // Once: by the second time the number may be another test's file.
    if silentFile >= 0 { Glibc.close(silentFile) }
    silentFile = -1
  }

  package func path(_ name: String) -> String { "\(folder.path)/\(name)" }

  // MARK: the real ones

  /// `page` is the port of a status page whose metrics Prometheus is to scrape as well.
  package func start(page: Int? = nil) throws {
    let canary = page.map {
      "\n  - job_name: canary\n    static_configs: [{ targets: [\"127.0.0.1:\($0)\"] }]"
    }
    for name in ["prom", "am"] { mkdir(path(name), 0o755) }
    children.append(
      try Child([
        "prometheus-node-exporter", "--web.listen-address=127.0.0.1:\(exporter)",
        "--collector.disable-defaults", "--collector.loadavg", "--collector.time",
      ]))
    try Files.replace(
      path("prom.yml"),
      with: """
        global: { scrape_interval: 1s, evaluation_interval: 1s }
        scrape_configs:
          - job_name: node
            static_configs: [{ targets: ["127.0.0.1:\(exporter)"], labels: { pool: green } }]
          - job_name: self
            static_configs: [{ targets: ["127.0.0.1:\(prometheus)"], labels: { pool: blue } }]\(canary ?? "")

        """)
    children.append(
      try Child([
        "prometheus", "--config.file=\(path("prom.yml"))", "--storage.tsdb.path=\(path("prom"))",
        "--web.listen-address=127.0.0.1:\(prometheus)", "--log.level=error",
      ]))
    try Files.replace(
      path("am.yml"), with: "route: { receiver: none }\nreceivers: [{ name: none }]\n")
    children.append(
      try Child([
        "prometheus-alertmanager", "--config.file=\(path("am.yml"))",
        "--storage.path=\(path("am"))", "--web.listen-address=127.0.0.1:\(alertmanager)",
        "--cluster.listen-address=", "--log.level=error",
      ]))
  }

  /// Waits until somebody answers at the address with 200.
  package func wait(for url: String, _ seconds: Double = 60) throws {
    let start = SystemClock.now
    while SystemClock.now - start < .seconds(seconds) {
      if let answer = try? HTTPClient().get(url, limit: .seconds(2)), answer.status == 200 {
        return
      }
      usleep(50_000)
    }
    throw SandboxError("nobody answers at \(url)")
  }

  /// Gives Alertmanager an alert that fires from now on.
  package func fire(_ name: String, service: String) throws {
    try post(
      "alerts",
      "[{\"labels\":{\"alertname\":\"\(name)\",\"service\":\"\(service)\"},\"annotations\":{\"summary\":\"the \(name) of it\"}}]"
    )
  }

  package func silence(_ name: String) throws {
    let from = SystemClock.now
    try post(
      "silences",
      "{\"matchers\":[{\"name\":\"alertname\",\"value\":\"\(name)\",\"isRegex\":false}],\"startsAt\":\"\(from.iso8601)\",\"endsAt\":\"\((from + .hours(1)).iso8601)\",\"createdBy\":\"test\",\"comment\":\"test\"}"
    )
  }

  private func post(_ what: String, _ body: String) throws {
    try Files.replace(path("post.json"), with: body)
    let ran = try Spawn.run(
      [
        "curl", "-fsS", "-X", "POST", "-H", "Content-Type: application/json", "--data",
        "@\(path("post.json"))", "http://127.0.0.1:\(alertmanager)/api/v2/\(what)",
      ], limit: .seconds(10))
    guard ran.succeeded else { throw SandboxError("post of \(what): \(ran.output)") }
  }

  // MARK: the faults

  /// Certificates of a CA of its own, one of them expired, and an Nginx that uses them.
  package func startFront() throws {
    let script = """
      set -e; cd \(folder.path)
      key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
      openssl req -x509 $key -keyout ca.key -out ca.pem -subj /CN=test-ca -days 30
      echo subjectAltName=IP:127.0.0.1 > ext
      for who in server client expired; do
        days=30; [ $who = expired ] && days=-1
        openssl req $key -keyout $who.key -out $who.csr -subj /CN=127.0.0.1
        openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days $days -extfile ext -out $who.pem
      done
      printf 'scraper:%s\\n' "$(openssl passwd -apr1 \(Self.password))" > users
      head -c 52428800 /dev/zero > big
      """
    let ran = try Spawn.run(["bash", "-c", script], limit: .seconds(60))
    guard ran.succeeded else { throw SandboxError("certificates: \(ran.output)") }
    try Files.replace(path("front.conf"), with: frontConfig)
    children.append(try Child(["nginx", "-c", path("front.conf")]))
    try wait(for: "http://127.0.0.1:\(front)/html/x")
  }

  /// One server, both APIs behind it: paths decide by their last step, so that a prefix is the fault.
  private var proxies: String {
    """
    location ~ /api/v1/ { rewrite ^.*(/api/v1/.*)$ $1 break; proxy_pass http://127.0.0.1:\(prometheus); }
    location ~ /api/v2/ { rewrite ^.*(/api/v2/.*)$ $1 break; proxy_pass http://127.0.0.1:\(alertmanager); }
    """
  }

  private var frontConfig: String {
    """
    daemon off; worker_processes 1; pid \(path("front.pid")); error_log \(path("front.log"));
    events {}
    http {
      access_log off;
      client_body_temp_path \(path("b")); proxy_temp_path \(path("p")); fastcgi_temp_path \(path("f"));
      uwsgi_temp_path \(path("u")); scgi_temp_path \(path("s"));
      server {
        listen 127.0.0.1:\(front);
        location /401/ { return 401 "who are you? you said: $http_authorization $http_x_api_key\\n"; }
        location /500/ { return 500 "sorry\\n"; }
        location /html/ { default_type text/html; return 200 "<html><body>hello</body></html>\\n"; }
        location /loop/ { return 302 /loop/again; }
        location /big/ { rewrite ^ /static/big break; proxy_method GET; proxy_pass http://127.0.0.1:\(front); }
        location /static/ { alias \(folder.path)/; }
        location /bearer/ {
          set $wanted "Bearer \(Self.token)";
          if ($http_authorization != $wanted) { return 401 "no: $http_authorization\\n"; }
          rewrite ^/bearer(.*)$ /open$1 last;
        }
        location /open/ {
          internal;
          \(proxies)
        }
        location /basic/ {
          auth_basic x; auth_basic_user_file \(path("users"));
          \(proxies)
        }
        location /old/ { add_header Age 600 always; \(proxies) }
      }
      server {
        listen 127.0.0.1:\(tls) ssl; ssl_certificate \(path("server.pem")); ssl_certificate_key \(path("server.key"));
        \(proxies)
      }
      server {
        listen 127.0.0.1:\(expired) ssl; ssl_certificate \(path("expired.pem")); ssl_certificate_key \(path("expired.key"));
        \(proxies)
      }
      server {
        listen 127.0.0.1:\(mutual) ssl; ssl_certificate \(path("server.pem")); ssl_certificate_key \(path("server.key"));
        ssl_client_certificate \(path("ca.pem")); ssl_verify_client on;
        \(proxies)
      }
    }

    """
  }
}
