import CanaryAdapters
import CanaryCore
import CanaryDriver
import Glibc
import Synchronization
import TestSupport
import Testing

/// What a server may answer to hurt whoever asks: numbers, depths, lengths, and echoes of secrets.
@Suite(.blocking) struct HostileAnswerTests {
  private static let token = "tok/en+0123456789\"abcdefghijkl"

  /// Asks one check (JSON5, without its name) of an endpoint `it` that is this server.
  private func ask(
    _ folder: Folder, _ server: StandIn, _ check: String, endpoint: String = "",
    environment: [String: String] = [:], top: String = "", timeout: String = "5s"
  ) async throws -> CheckState {
    let text = """
      {
        state: "state", run: "run", \(top)
        endpoints: { it: { url: "http://127.0.0.1:\(server.port)", \(endpoint) } },
        services: { chat: {
          pools: { blue: { servers: ["127.0.0.1:1"] }, green: { servers: ["127.0.0.1:\(server.port)"] } }, stable: "blue",
          plan: { stages: [{ weight: 100, soak: "1m" }], checks: [{ name: "it", timeout: "\(timeout)", \(check) }] },
        } },
      }
      """
    let config = try ConfigReader(file: "\(folder.path)/canary.json5").read(
      ConfigFile.parse(text, name: "test"))
    let sources = MetricSources(
      config: config, store: SQLiteStore(folder: config.state, patience: .seconds(1)),
      clock: SystemClock(executor: .test), executor: .test, environment: environment)
    return await sources.judgeOnce(config.services[0].plan.checks[0], "chat", pool: "green")
  }

  private func answer(_ body: String, status: String = "200 OK", headers: [String] = []) -> String {
    (["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + headers + ["", body])
      .joined(separator: "\r\n")
  }

  private static let numbers = [
    "0", "-1", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
    "99999999999999999999", "1e308", "nan", "inf", "9999-12-31T23:59:59Z", "", "1.5",
  ]

  private static let kinds = [
    "probe: \"/health\"", "http: \"/x\", endpoint: \"it\"",
    "http: \"/x\", endpoint: \"it\", max: \"1s\"",
    "http: \"/x\", json: \"/v\", json_time: \"/t\", endpoint: \"it\", max: 1",
    "prometheus: \"up\", endpoint: \"it\", max: 1", "alerts: \"a=b\", endpoint: \"it\"",
  ]

  @Test func `no number in a header ends the program`() async throws {
    let folder = try Folder()
    let server = StandIn("hostile")
    for header in ["Age", "Date", "Retry-After", "Content-Length", "X-Age", "Expires"] {
      for number in Self.numbers + [
        "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 0000 00:00:00 GMT",
      ] {
        let text = answer("{\"v\": 1}", headers: ["\(header): \(number)"])
        server.set { _, _ in text }
        for kind in [Self.kinds[1], Self.kinds[3], Self.kinds[4]] {
          // Two lengths that differ make libcurl wait for more, for as long as the check allows.
          let timeout = header == "Content-Length" ? "200ms" : "5s"
          _ = try await ask(folder, server, kind, timeout: timeout)
        }
      }
    }
    server.set { _, _ in self.answer("{\"v\": 1}", headers: ["Age: 9223372036854775807"]) }
    let old = try await ask(
      folder, server, Self.kinds[3].replacing("json_time: \"/t\", ", with: ""))
    #expect(
      old.verdict == .inconclusive && old.detail.contains("old by its own header"), "\(old.detail)")
  }

  @Test func `no number in a body ends the program`() async throws {
    let folder = try Folder()
    let server = StandIn("hostile")
    for number in Self.numbers {
      for value in [number.isEmpty ? "null" : number, "\"\(number)\""] {
        let vector =
          "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"value\":[\(value),\"\(number)\"]}]}}"
        for body in [
          "{\"v\":\(value),\"t\":\(value)}", "{\"v\":1,\"t\":\(value)}", vector,
          "[{\"status\":{\"state\":\"active\"},\"labels\":{\"alertname\":\(value)}}]",
        ] {
          let text = answer(body)
          server.set { _, _ in text }
          for kind in Self.kinds { _ = try await ask(folder, server, kind) }
        }
      }
    }
  }

  @Test func `a bomb is refused with its reason`() async throws {
    let folder = try Folder()
    let server = StandIn("hostile")
    let size = (1 << 20) - 100
    for (bomb, words) in [
      (String(repeating: "[", count: 1000), "is not JSON"),
      (String(repeating: "[", count: size), "is not JSON"),
      ("[" + String(repeating: "0,", count: size / 2) + "0]", "is not JSON"),
      (String(repeating: "{\"v\":", count: size / 5), "is not JSON"),
      (String(repeating: "9", count: 1 << 21), "longer than 1024 KiB"),
    ] {
      let text = answer(bomb)
      server.set { _, _ in text }
      let state = try await ask(
        folder, server, "http: \"/x\", json: \"/v\", endpoint: \"it\", max: 1")
      #expect(state.verdict == .error && state.detail.contains(words), "\(state.detail)")
      for kind in Self.kinds { _ = try await ask(folder, server, kind) }
    }
  }

  @Test func `no echo shows a secret, wherever it is cut and however it is spelled`() async throws {
    let folder = try Folder()
    let server = StandIn("hostile")
    let token = Self.token
    let spellings = [
      token, token.replacing("\"", with: "\\\""), PlaceholderValues.percentEncoded(token),
      token.replacing("\"", with: "&quot;"), "dG9rL2VuKzAxMjM0NTY3ODkiYWJjZGVmZ2hpamts",
    ]
    for spelling in spellings {
      for room in [0, 130, 145, 155, 1990, 2550] {
        // With and without a cut of the server's own.
        for echo in [spelling, String(spelling.prefix(20))] {
          let body =
            "{\"status\":\"error\",\"error\":\"" + String(repeating: "x", count: room)
            + "\" \(echo)"
          let texts = [
            answer(body, status: "404 No"), answer(String(repeating: "y ", count: room / 2) + echo),
          ]
          for text in texts {
            server.set { _, _ in text }
            for kind in [Self.kinds[3], Self.kinds[4], Self.kinds[5]] {
              let state = try await ask(
                folder, server, kind, endpoint: "bearer: { env: \"TOKEN\" }",
                environment: ["TOKEN": token])
              #expect(
                !state.detail.contains("0123456") && !state.detail.contains("WN0123")
                  && !state.detail.contains("MDEyMzQ1"), "\(room): \(state.detail)")
            }
          }
        }
      }
    }
  }

  @Test func `headers and queries of the config are no text for others either`() async throws {
    let folder = try Folder()
    let server = StandIn("hostile")
    // The second one is repeated as the server understands it.
    server.set { head, _ in self.answer("key/of+it " + head, status: "404 Not Found") }
    let state = try await ask(
      folder, server,
      "http: \"/v?x=1&api_key=abcdefgh12345&token=key%2Fof%2bit?sig=after-a-mark\", json: \"/v\", endpoint: \"it\", max: 1",
      endpoint:
        "headers: { \"X-Plain\": \"plain-secret-1\", Authorization: \"Token zyxwvut98765\", Accept: \"text/html\" }"
    )
    for secret in [
      "abcdefgh12345", "key/of", "key%2F", "after-a-mark", "plain-secret-1", "zyxwvut98765",
    ] {
      #expect(!state.detail.contains(secret), "\(state.detail)")
    }
    #expect(state.detail.contains("•••"), "\(state.detail)")
  }

  @Test func `programs get no secret of ours, and what is named in the config`() async throws {
    let folder = try Folder()
    setenv("H5_SECRET", "s3cret-of-ours", 1)
    setenv("H5_NAMED", "named-value-1", 1)
    let server = StandIn("unused")
    let check = "command: [\"sh\", \"-c\", \"echo [$H5_SECRET] [$H5_NAMED] $PATH; exit 1\"]"
    let state = try await ask(folder, server, check)
    #expect(state.detail.contains("[] [] /"), "\(state.detail)")
    let named = try await ask(
      folder, server, check, environment: ["H5_NAMED": "named-value-1"],
      top: "environment: [\"H5_NAMED\"],")
    #expect(named.detail.contains("[] [•••] /"), "\(named.detail)")
  }

  @Test func `a hundred calls that hang keep no other waiting`() async {
    final class Gate: Sendable { let isOpen = Mutex(false) }
    let gate = Gate()
    let hung = (0..<100).map { _ in
      Task {
        await Blocking.runProgram { while !gate.isOpen.withLock({ $0 }) { usleep(10_000) } }
        await Blocking.run { while !gate.isOpen.withLock({ $0 }) { usleep(10_000) } }
      }
    }
    let clock = ContinuousClock()
    let took = await clock.measure { for _ in 0..<20 { await Blocking.run {} } }
    #expect(took < .seconds(20))
    gate.isOpen.withLock { $0 = true }
    for task in hung { await task.value }
  }

  @Test func `a program that prints for ever takes no memory with it`() throws {
    let before = ThisProcess.environment.count
    let ran = try Spawn.run(["sh", "-c", "echo begun; exec yes"], limit: .seconds(2))
    #expect(ran.end == .late && ran.output.hasPrefix("begun\ny\n") && before > 0)
    #expect(ran.output.utf8.count == 64 << 10)
  }

  @Test func `only regular files are read, and nobody waits for another`() throws {
    let folder = try Folder()
    let path = "\(folder.path)/fifo"
    #expect(mkfifo(path, 0o600) == 0)
    #expect(throws: FileError.self) { try Files.read(path) }
    #expect(throws: FileError.self) { try Files.read(folder.path) }
    #expect(throws: FileError.self) { try Files.read("/dev/zero") }
    #expect(throws: FileError.self) { try Digest.sha256(file: path) }
    #expect(throws: Problems.self) { try ConfigFile.read(path) }
    for log in [path, folder.path] {
      let follower = LogFollower(
        path: log, parser: LogParser(PoolTable([]), .firstByte), from: .beginning)
      var tally = LogTally(pools: [])
      #expect(throws: FileError.self) { try follower.poll(into: &tally) }
    }
  }

  @Test func `no number of a stored state ends the program`() async throws {
    let folder = try Folder()
    let store = SQLiteStore(folder: folder.path, patience: .seconds(5))
    var state = Sample.rollout(7, .soaking(Soak(stage: 0, began: Sample.time(100))))
    state.rollout?.checks = [CheckState(Sample.check)]
    state.rollout?.reached = 0
    state.rollout?.asked = Sample.time(99)
    _ = try await store.save(state, entries: [], kept: [], over: 0)
    // Each number of it replaced by each of these, in a row of its own.
    let script = """
      import re, sqlite3, sys
      c = sqlite3.connect(sys.argv[1], timeout=20)
      text = c.execute("SELECT state FROM service WHERE name = 'chat'").fetchone()[0]
      count = 0
      for match in re.finditer(r'(?<=[:,\\[])-?\\d+(?=[,\\]}])', text):
        for number in ["9223372036854775807", "-9223372036854775808", "-1", "7", "1e308", "9" * 20]:
          changed = text[:match.start()] + number + text[match.end():]
          c.execute("INSERT INTO service (name, revision, state) VALUES (?, 1, ?)", ("s%d" % count, changed))
          count += 1
      c.commit()
      print(count)
      """
    let ran = try Spawn.run(
      ["python3", "-c", script, "\(folder.path)/canary.db"], limit: .seconds(60))
    let count = try #require(Int(ran.output.filter { !$0.isNewline }), "\(ran.output)")
    #expect(count > 60)
    var refused = 0
    for index in 0..<count {
      let name = try #require(ServiceName("s\(index)"))
      guard let read = try? await store.load(name)?.value else {
        refused += 1
        continue
      }
      _ = (Wording.sentence(read), read.pending, read.generation.next, read.progressInterval)
      for time in [0, 200, 1 << 40] as [Int64] {
        let next = decide(read, .woke, at: Sample.time(time)).state
        _ = (next.resting(at: Sample.time(time)), next.pending)
      }
    }
    #expect(refused > 10 && refused < count)
  }
}
