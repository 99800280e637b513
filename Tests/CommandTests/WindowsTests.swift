import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// `canary windows` over weeks that were made up with a trough, bursts and a holiday.
@Suite(.blocking) struct WindowsTests {
  /// A week from Monday, 2026-11-02 on, in Shanghai: 60 requests a minute by day, 2 from 02:00 to 05:00, a burst every night
  /// at 03:30, one on Wednesday at 20:00 only, and a holiday on Friday.
  private func week(offset: String = "+0800", shift: Int = 8, days: Int = 7) -> String {
    let first = CivilDay(year: 2026, month: 11, day: 2)?.number ?? 0
    var lines = ""
    for day in 0..<days {
      for minute in 0..<1440 {
        var count = (120..<300).contains(minute) ? 2 : 60
        if day == 4 { count = minute % 10 == 0 ? 1 : 0 }
        if (210..<213).contains(minute), day != 4 { count = 200 }
        if day == 2, (1200..<1202).contains(minute) { count = 900 }
        let wall = (first + day) * 1440 + minute + (shift - 8) * 60
        let date = CivilDay(number: wall / 1440)
        let time =
          "\(Digits.two(date.day))/Nov/\(date.year):\(Digits.two(wall % 1440 / 60)):\(Digits.two(wall % 60)):00 \(offset)"
        let line = "10.0.0.1 - - [\(time)] \"GET /a HTTP/1.1\" 200 12 \"-\" \"x\"\n"
        for _ in 0..<count { lines += line }
      }
    }
    return lines
  }

  private func run(_ words: String...) throws -> (code: Int32, text: String) {
    let ran = try Spawn.run([Sandbox.program, "windows"] + words, limit: .minutes(2))
    guard case .exit(let code) = ran.end else { throw SandboxError("\(ran)") }
    return (code, ran.output)
  }

  @Test func `a known trough is found between its bursts, and a holiday is left out`() throws {
    let folder = try Folder()
    let log = "\(folder.path)/access.log"
    try Files.replace(log, with: week())
    let found = try run("--log", log, "--zone", "Asia/Shanghai")
    #expect(found.code == 0, "\(found.text)")
    #expect(found.text.contains("2026-11-06 is left out: it has"), "\(found.text)")
    #expect(
      found.text.contains("burst 03:30 to 03:33 on 6 of 6 days: up to 200 a minute"),
      "\(found.text)")
    #expect(
      found.text.contains("burst 20:00 to 20:02 on 2026-11-04 only: up to 900"), "\(found.text)")
    // Under a tenth of the mean with two minutes' care at its ends, and five around the burst.
    let windows = found.text.split(separator: "\n").filter { $0.contains("in a 5% stage") }
    #expect(windows.count == 10, "\(found.text)")
    // Each weekday with its mean, its errors and its p95, which the combined format does not tell.
    let heads = found.text.split(separator: "\n").filter { $0.contains("a minute   errors") }
    #expect(heads.count == 1 && heads.allSatisfy { $0.count <= 82 }, "\(found.text)")
    #expect(found.text.contains("       0%        -\n"), "\(found.text)")
    #expect(
      windows[0].contains("02:02 to 03:25, 1h23m, seen on 1 day: about 166 requests, 8 of them"),
      "\(windows[0])")
    #expect(windows[0].contains("would take 3h20m: too quiet for 5%"), "\(windows[0])")
    #expect(!windows.contains { $0.contains("Fri ") })
    // The same log by another clock: the trough is six hours later on the wall of UTC.
    let utc = try run("--log", log, "--zone", "UTC")
    #expect(utc.text.contains("18:02 to 19:25"), "\(utc.text)")
    let json = try run("--log", log, "--zone", "Asia/Shanghai", "--json")
    #expect(
      json.text.contains("\"canary_requests\": 8.3") && json.text.contains("\"from\": \"02:02\""))
  }

  @Test func `plain, compressed and mixed logs say the same`() throws {
    let folder = try Folder()
    let (one, two) = ("\(folder.path)/one.log", "\(folder.path)/two.log")
    try Files.replace(one, with: week())
    // The second half of each line's week was written by a clock in UTC.
    try Files.replace(two, with: week(offset: "+0000", shift: 0))
    #expect(try Spawn.run(["gzip", "-k", one], limit: .minutes(1)).succeeded)
    let plain = try run("--log", one, "--zone", "Asia/Shanghai")
    let packed = try run("--log", one + ".gz", "--zone", "Asia/Shanghai")
    #expect(plain.code == 0 && plain.text == packed.text)
    let mixed = try run("--log", one, two, "--zone", "Asia/Shanghai")
    #expect(mixed.text.contains("several clocks (+0000, +0800)"), "\(mixed.text)")
    #expect(mixed.text.contains("02:02 to 03:25"), "\(mixed.text)")
    // Cut in the middle: what could be read is told, and that it was cut.
    let bytes = try #require(Files.size(of: one + ".gz"))
    #expect(
      try Spawn.run(["truncate", "-s", "\(bytes * 9 / 10)", one + ".gz"], limit: .minutes(1))
        .succeeded)
    let cut = try run("--log", one + ".gz", "--zone", "Asia/Shanghai")
    #expect(cut.code == 0 && cut.text.contains("cut short or damaged"), "\(cut.text)")
  }

  @Test func `what is empty, foreign or not there is told`() throws {
    let folder = try Folder()
    let log = "\(folder.path)/access.log"
    try Files.replace(log, with: "")
    let empty = try run("--log", log)
    #expect(empty.code == 1 && empty.text.contains("no line in it could be read"), "\(empty.text)")
    var dice = Dice(seed: 4)
    let rubbish =
      (0..<200).map { _ in
        String(decoding: (0..<dice.below(300)).map { _ in UInt8(dice.below(256)) }, as: UTF8.self)
      }.joined(separator: "\n[\n")
      + "\n[02/Nov/2026:03:20:00 +0800] \"\n[99/Foo/2026:03:20:00 +0800] \"GET\" 200\n"
    try Files.replace(log, with: rubbish)
    let odd = try run("--log", log)
    #expect(odd.code == 1 && odd.text.contains("of no known format"), "\(odd.text)")
    try Files.replace(log, with: rubbish + week(days: 2))
    let some = try run("--log", log, "--zone", "Asia/Shanghai")
    #expect(some.code == 0 && some.text.contains("of no known format"), "\(some.text)")
    let endless = try run("--log", "/dev/zero")
    #expect(endless.code == 2 && endless.text.contains("is a device"), "\(endless.text)")
    let gone = try run("--log", "\(folder.path)/gone.log")
    #expect(gone.code == 2 && gone.text.contains("No such file"), "\(gone.text)")
    #expect(try run().code == 2)
    let zone = try run("--log", log, "--zone", "Asia/Shanghay")
    #expect(zone.code == 2 && zone.text.contains("Asia/Shanghai"), "\(zone.text)")
  }

  @Test func `a receiver is told what is recommended, with the line for the config`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    let folder = sandbox.folder
    let keep = { (name: String) in
      "{ command: [\"sh\", \"-c\", \"{ echo $CANARY_EVENT; cat; } > \(folder)/\(name)\"]"
    }
    try sandbox.writeConfig(
      top: """
        notify: { team: \(keep("en")) }, zh: \(keep("zh")), language: "zh" },
          deaf: { command: ["false"] } },
        """)
    let log = "\(folder)/access.log"
    try Files.replace(log, with: week(days: 7))
    let words = ["windows", "--log", log, "--zone", "Asia/Shanghai", "--notify"]
    let told = try sandbox.canary(words + ["team"])
    #expect(told.code == 0 && told.text.contains("team was told"), "\(told.text)")
    let english = try #require(Files.contents("\(folder)/en"))
    #expect(english.hasPrefix("recommendation\n{\"event\":\"recommendation\""), "\(english)")
    #expect(
      english.contains("quiet windows of ")
        && english.contains("Next: in the config of a service, windows: [{ days:"),
      "\(english)")
    #expect(try sandbox.canary(words + ["zh"]).code == 0)
    #expect(try #require(Files.contents("\(folder)/zh")).contains("低峰时段（Asia/Shanghai）"))
    let deaf = try sandbox.canary(words + ["deaf"])
    #expect(deaf.code == 1 && deaf.text.contains("deaf was not told: false failed"), "\(deaf.text)")
    let nobody = try sandbox.canary(words + ["nobody"])
    #expect(
      nobody.code == 2 && nobody.text.contains("It has: deaf, team, zh"), "\(nobody.text)")
  }

  @Test func `a real Prometheus tells the same kind of week`() throws {
    let monitoring = try Monitoring()
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    defer { monitoring.close() }
    try monitoring.start()
    try monitoring.wait(for: "http://127.0.0.1:\(monitoring.prometheus)/-/ready")
    try sandbox.writeConfig(
      top: "endpoints: { prometheus: { url: \"http://127.0.0.1:\(monitoring.prometheus)\" } },")
    // Ten requests a second, but a tenth of one from two to five o'clock; PromQL itself makes it up, in two series.
    let trough = "(hour() >= bool 2) * (hour() < bool 5)"
    let query = "label_replace(vector(4), \"a\", \"b\", \"\", \"\") or (6 - 9.9 * \(trough))"
    let found = try sandbox.canary("windows", "--prometheus", query, "--days", "9")
    #expect(found.code == 0, "\(found.text)")
    #expect(found.text.contains("02:02 to 04:58, 2h56m"), "\(found.text)")
    // Requests, not points: most of nine days at ten a second.
    let requests = try #require(found.text.firstMatch(of: /([0-9]+) requests/)).1
    #expect((6_500_000...7_500_000).contains(Int(requests) ?? 0), "\(requests)")
    // A rate of requests says nothing of errors.
    #expect(!found.text.contains("0.00%") && !found.text.contains("range"), "\(found.text)")
    let short = try sandbox.canary("windows", "--prometheus", "vector(3) + 0 * sum(rate(up[20s]))")
    #expect(short.code == 1 && short.text.contains("looks at 20s of each minute"), "\(short.text)")
    #expect(short.text.contains("a rate needs two scrapes in its range"), "\(short.text)")
    let wrong = try sandbox.canary("windows", "--prometheus", "sum(")
    #expect(wrong.code == 1 && wrong.text.contains("parse error"), "\(wrong.text)")
  }
}
