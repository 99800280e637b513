import CanaryAdapters
import CanaryCore
import CanaryDriver
import TestSupport
import Testing

/// The examples of docs/sources.md, each against a recorded answer of the API that it is for.
@Suite(.blocking) struct RecordedAnswerTests {
  private static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }

  /// The example under a heading of the page.
  private func example(_ heading: String) throws -> String {
    let page = try #require(try Files.read("\(Self.root)/docs/sources.md"))
    let section = try #require(page.components(after: "### \(heading)\n"))
    return try #require(section.components(after: "```json5\n")).components(before: "```")
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var heading: String
    var answer: String
    var host: String
    /// The variable of Nginx and the value that the request must come with.
    var header: (String, String)?
    var path: String
    var detail: String
    /// Words that the request's body must hold.
    var body: [String] = []
    var testDescription: String { heading }
  }

  static let cases = [
    Case(
      heading: "Datadog", answer: "datadog", host: "https://api.datadoghq.com",
      header: ("$http_dd_api_key:$http_dd_application_key", "k3y-of-datadog:f1le-secret"),
      path: "POST /api/v2/query/scalar", detail: "0.003 ≤ 0.05",
      body: ["service:chat,pool:green", "\"from\":1", "\"to\":1"]),
    Case(
      heading: "New Relic", answer: "newrelic", host: "https://api.newrelic.com",
      header: ("$http_api_key", "k3y-of-newrelic"), path: "POST /graphql", detail: "0.422 ≤ 5",
      body: ["appName = 'chat-green'"]),
    Case(
      heading: "Graphite", answer: "graphite", host: "http://graphite.internal", header: nil,
      path:
        "GET /render?format=json&from=-1min&maxDataPoints=1&target=divideSeries(sumSeries(apps.chat.green.5xx),sumSeries(apps.chat.green.all))",
      detail: "0.013 ≤ 0.05"),
    Case(
      heading: "InfluxDB", answer: "influxdb", host: "http://influxdb.internal:8086",
      header: ("$http_authorization", "Token f1le-secret"),
      path:
        "GET /query?db=chat&q=SELECT%20mean(duration)%20FROM%20requests%20WHERE%20pool%3D'green'%20AND%20time%20%3E%20now()-1m",
      detail: "0.214 ≤ 0.5"),
    Case(
      heading: "Elasticsearch", answer: "elasticsearch", host: "https://elastic.internal:9200",
      header: ("$http_authorization", "ApiKey k3y-of-elastic"), path: "POST /nginx-*/_search",
      detail: "431.284 ≤ 1000", body: ["{\"term\":{\"pool\":\"green\"}}"]),
  ]

  @Test(arguments: cases) func `an example of the docs reads a recorded answer`(one: Case)
    async throws
  {
    let folder = try Folder()
    let port = Sockets.freePort()
    try write(one, folder, port)
    let nginx = try Child(["nginx", "-c", "\(folder.path)/nginx.conf"])
    defer { nginx.stop() }
    for _ in 0..<200 {
      if (try? HTTPClient().get("http://127.0.0.1:\(port)/up", limit: .seconds(1))) != nil { break }
      try await Task.sleep(for: .milliseconds(25))
    }
    try Files.replace("\(folder.path)/secret", with: "f1le-secret\n", mode: 0o600)
    let text = try example(one.heading).replacing(one.host, with: "http://127.0.0.1:\(port)")
      .replacing("/etc/canary/datadog-app.key", with: "\(folder.path)/secret")
      .replacing("/etc/canary/influx.token", with: "\(folder.path)/secret")
    let parts = try #require(text.components(after: "check: "))
    let check = parts.trimmingSuffix(while: { $0.isWhitespace || $0 == "," })
    let endpoints = text.components(before: "check: ")
    let node = try ConfigFile.parse(
      """
      { state: "state", run: "run", \(endpoints)
        services: { chat: {
          pools: { blue: { servers: ["127.0.0.1:1"] }, green: { servers: ["127.0.0.1:2"] } }, stable: "blue",
          plan: { stages: [{ weight: 100, soak: "10m" }], checks: [\(check)] } } } }
      """, name: "test")
    let config = try ConfigReader(file: "\(folder.path)/canary.json5").read(node)
    let sources = MetricSources(
      config: config, store: SQLiteStore(folder: config.state, patience: .seconds(1)),
      clock: SystemClock(executor: .test), executor: .test,
      environment: [
        "DD_API_KEY": "k3y-of-datadog", "NEW_RELIC_KEY": "k3y-of-newrelic",
        "ELASTIC_API_KEY": "k3y-of-elastic",
      ])
    let state = await sources.judgeOnce(config.services[0].plan.checks[0], "chat", pool: "green")
    #expect(state.verdict == .pass, "\(state.detail)")
    #expect(state.detail == one.detail)
    // Nginx notes a request only once it is answered.
    var log = ""
    for _ in 0..<400 where !log.contains(one.path) {
      log = try Files.read("\(folder.path)/log") ?? ""
      try await Task.sleep(for: .milliseconds(25))
    }
    #expect(log.contains(one.path), "\(log)")
    for words in one.body { #expect(log.contains(words), "\(log)") }
  }

  /// A server that gives out the recorded answer to whoever shows the right credentials, and notes what it was asked.
  private func write(_ one: Case, _ folder: Folder, _ port: Int) throws {
    let answer = try #require(
      try Files.read("\(Self.root)/Tests/AdapterTests/answers/\(one.answer).json"))
    let now = SystemClock.now
    let time = one.answer == "influxdb" ? now.iso8601 : "\(now.second)"
    for name in ["www", "b", "p", "f", "u", "s"] { try Files.makeFolder("\(folder.path)/\(name)") }
    try Files.replace("\(folder.path)/www/answer", with: answer.replacing("NOW", with: time))
    _ = try Spawn.run(["chmod", "755", folder.path], limit: .seconds(5))
    let wanted = one.header.map {
      "set $shown \"\($0.0)\"; if ($shown != \"\($0.1)\") { return 401 \"no\\n\"; }"
    }
    try Files.replace(
      "\(folder.path)/nginx.conf",
      with: """
        daemon off; worker_processes 1; pid \(folder.path)/pid; error_log \(folder.path)/error.log;
        events {}
        http {
          log_format asked escape=none '$request_method $request_uri $request_body';
          client_body_temp_path \(folder.path)/b; proxy_temp_path \(folder.path)/p; fastcgi_temp_path \(folder.path)/f;
          uwsgi_temp_path \(folder.path)/u; scgi_temp_path \(folder.path)/s; client_body_buffer_size 64k;
          server {
            listen 127.0.0.1:\(port); access_log \(folder.path)/log asked;
            location / {
              \(wanted ?? "")
              rewrite ^ /static/answer break; proxy_method GET; proxy_pass http://127.0.0.1:\(port);
            }
            location /static/ { alias \(folder.path)/www/; default_type application/json; access_log off; }
          }
        }

        """)
  }
}

extension String {
  fileprivate func components(after mark: String) -> String? {
    firstRange(of: mark).map { String(self[$0.upperBound...]) }
  }
  fileprivate func components(before mark: String) -> String {
    firstRange(of: mark).map { String(self[..<$0.lowerBound]) } ?? self
  }
  fileprivate func trimmingSuffix(while fits: (Character) -> Bool) -> String {
    var text = self
    while let last = text.last, fits(last) { text.removeLast() }
    return text
  }
}
