import CanaryAdapters
import CanaryCore
import CanaryDriver
import Glibc
import TestSupport
import Testing

/// What the access log says, through the end of one process and the start of the next.
@Suite(.blocking) struct EvidenceTests {
  private static let checks: [Check] = [
    Check(
      name: "errors", source: .metric(.errorRate), condition: Condition(max: 0.9), minRequests: 1),
    Check(
      name: "versus", source: .metric(.errorRate), condition: Condition(versus: Versus())),
  ]

  private func sources(_ folder: Folder, bySeats: Bool = false) throws -> MetricSources {
    let node = try ConfigFile.parse(
      """
      { nginx: { logs: "." }, state: "state", run: "run", services: { chat: {
        pools: { blue: { servers: ["10.0.0.1:80"] }, green: { servers: ["10.0.0.2:80"] } }, stable: "blue",
        weights: "\(bySeats ? "seats" : "upstream")" } } }
      """, name: "test")
    let config = try ConfigReader(file: "\(folder.path)/canary.json5").read(node)
    return MetricSources(
      config: config, store: SQLiteStore(folder: config.state, patience: .seconds(5)),
      clock: SystemClock(executor: .test), executor: .test)
  }

  private func lines(
    _ range: Range<Int>, from: Instant, generation: Int = 5, fails: Bool = true
  ) -> String {
    range.map { index in
      let time = (from + Span(milliseconds: Int64(index))).milliseconds
      let isCanary = index % 20 == 7
      let status = fails && isCanary && index % 2000 == 7 ? 500 : 200
      let decimals = "\(1000 + time % 1000)".dropFirst()
      return
        "canary1\t\(time / 1000).\(decimals)\t\(generation)\t\(status)\t0.010\t10.0.0.\(isCanary ? 2 : 1):80\t\(status)\t0.010\t0.010\n"
    }.joined()
  }

  private func context(
    _ began: Instant, stage: Int = 0, asked: Instant? = nil, since: Instant? = nil
  )
    throws -> StageContext
  {
    let plan = Plan(
      name: "p",
      stages: [
        Stage(weight: try #require(Weight(percent: 5)), soak: .minutes(5)),
        Stage(weight: try #require(Weight(percent: 10)), soak: .minutes(5)),
        Stage(weight: .all, soak: .zero),
      ],
      checks: Self.checks)
    return StageContext(
      rollout: 3, stage: stage, plan: plan, stable: "blue", canary: "green",
      generation: Generation(5 + stage), started: began, asked: asked, since: since ?? began)
  }

  private func compared(_ list: [Measurement]) throws -> ComparisonReport {
    guard case .compared(let found)? = list.first(where: { $0.check == "versus" })?.reading else {
      throw SandboxError("nothing compared: \(list)")
    }
    return found
  }

  @Test func `a new driver goes on where the last one stopped, and counts nothing twice`()
    async throws
  {
    let folder = try Folder()
    let path = "\(folder.path)/canary-chat.log"
    let began = SystemClock.now - .seconds(20)
    // Ten minutes before: what stable did is the baseline, and no evidence.
    try Files.replace(path, with: lines(0..<2000, from: began - .minutes(5), generation: 4))
    let context = try context(began)
    let first = try sources(folder)
    _ = await first.checkReadiness("chat", pool: "green", Readiness())
    var previous: ComparisonReport?
    var driver = first
    for part in 0..<4 {
      try append(path, lines(part * 1000..<(part + 1) * 1000, from: began))
      let found = try compared(await driver.measure(Self.checks, "chat", context))
      #expect(found.canary.requests == (part + 1) * 50, "\(found)")
      #expect(found.stable.requests >= (part + 1) * 950 - 20, "\(found)")
      previous = found
      // The process ends; nothing of it is told that it does.
      try await Task.sleep(for: .milliseconds(1100))
      _ = await driver.measure(Self.checks, "chat", context)
      driver = try sources(folder)
    }
    // In one go, without any end: the same.
    let whole = try Folder()
    try Files.replace(
      "\(whole.path)/canary-chat.log",
      with: lines(0..<2000, from: began - .minutes(5), generation: 4))
    let one = try sources(whole)
    _ = await one.checkReadiness("chat", pool: "green", Readiness())
    try append("\(whole.path)/canary-chat.log", lines(0..<4000, from: began))
    let found = try compared(await one.measure(Self.checks, "chat", context))
    #expect(found.evidence == previous?.evidence)
    #expect(found.canary == previous?.canary && found.upper == previous?.upper)
  }

  @Test func `without a reload, a stage is counted from its switch on, also by the next driver`()
    async throws
  {
    let folder = try Folder()
    let path = "\(folder.path)/canary-chat.log"
    try Files.replace(path, with: "")
    let began = SystemClock.now - .seconds(20)
    let driver = try sources(folder, bySeats: true)
    _ = await driver.checkReadiness("chat", pool: "green", Readiness())
    // One generation in all lines, which is none of the stages'.
    try append(path, lines(20..<4000, from: began, generation: 2, fails: false))
    let first = try compared(await driver.measure(Self.checks, "chat", context(began)))
    #expect(first.canary.requests == 199, "\(first)")
    // Asked for at 5 s and seen at 5.1 s; a request takes 10 ms, and Nginx's clock may be late.
    let asked = began + .seconds(5)
    let second = try context(began, stage: 1, asked: asked, since: asked + Span(milliseconds: 100))
    try append(path, lines(4000..<8000, from: began, generation: 2, fails: false))
    let found = try compared(await driver.measure(Self.checks, "chat", second))
    // The stage's own: those that began at 5.101 s or later, and so ended at 5.111 s or later.
    let own = (5111..<8000).count { $0 % 20 == 7 }
    #expect(found.canary.requests == own, "\(found)")
    // A new driver knows this stage alone.
    try await Task.sleep(for: .milliseconds(1100))
    _ = await driver.measure(Self.checks, "chat", second)
    let next = try sources(folder, bySeats: true)
    // Streams of the stage before, and of this one, end now.
    let streams = [(4700, 9000), (5300, 9001), (5050, 9002)].map { start, end in
      line(end, took: Int64(end - start), from: began)
    }
    try append(path, streams.joined())
    let resumed = try compared(await next.measure(Self.checks, "chat", second))
    #expect(resumed.canary.requests == own + 1, "\(resumed)")
  }

  /// A stream of the canary.
  private func line(_ end: Int, took: Int64, from: Instant) -> String {
    let time = (from + Span(milliseconds: Int64(end))).milliseconds
    let text = { (milliseconds: Int64) in
      "\(milliseconds / 1000).\("\(1000 + milliseconds % 1000)".dropFirst())"
    }
    return
      "canary2\t\(text(time))\t2\t200\t\(text(took))\t10.0.0.2:80\t200\t0.010\t\(text(took))\t17\t-\n"
  }

  /// In place, as Nginx does it: the same file grows.
  private func append(_ path: String, _ text: String) throws {
    guard let file = fopen(path, "a") else { throw SandboxError("cannot append to \(path)") }
    fputs(text, file)
    fclose(file)
  }
}
