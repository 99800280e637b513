import CanaryAdapters
import CanaryCore
import CanaryDriver
import CanaryHost
import Glibc
import Testing

@testable import CanaryCommands

/// What an operator sees, held as text: `REWRITE=1` writes the captures anew, to be looked at.
@Suite struct ScreenTests {
  private static let folder =
    #filePath.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }
    + "/captures"

  private static func lines(
    _ scene: StatusScene, _ width: Int, _ height: Int, hasColour: Bool = false
  ) -> [String] {
    LiveScreen(
      report: scene.report,
      traffic: LiveScreen.Traffic(canary: scene.canary, stable: scene.stable, seconds: 60),
      entries: scene.entries, message: nil, question: nil, isPromote: false
    ).lines(width: width, height: height, hasColour: hasColour)
  }

  private static func expect(_ text: String, in file: String) throws {
    let path = "\(folder)/\(file).txt"
    if getenv("REWRITE") != nil {
      try Files.makeFolder(folder)
      return try Files.replace(path, with: text + "\n")
    }
    #expect(try Files.read(path) == text + "\n", "\(file): run with REWRITE=1, and look at it")
  }

  @Test(arguments: StatusScene.all, [(80, 24), (120, 35), (200, 50)])
  func `a screen looks as it was looked at`(scene: StatusScene, size: (Int, Int)) throws {
    let lines = Self.lines(scene, size.0, size.1)
    #expect(lines.count == size.1)
    #expect(lines.allSatisfy { TerminalText.count($0) <= size.0 })
    try Self.expect(
      lines.map { $0.reversed().drop { $0 == " " }.reversed().map(String.init).joined() }
        .joined(separator: "\n"), in: "\(scene.name)-\(size.0)x\(size.1)")
  }

  @Test func `a status looks as it was looked at`() throws {
    #expect(StatusScene.all.count == 10)
    let text = StatusScene.all.map { "# \($0.name)\n\(StatusText($0.report).text)" }
    try Self.expect(text.joined(separator: "\n\n"), in: "status")
  }

  @Test func `the list begins with who needs a person`() throws {
    let lines = ListScreen(reports: StatusScene.all.map(\.report)).lines(
      width: 120, height: 20, hasColour: false)
    try Self.expect(lines.joined(separator: "\n"), in: "list-120x20")
    #expect(lines[1].contains("BRAKED") && lines[2].contains("FAILING"))
    #expect(lines[3].contains("WAITING FOR YOU"))
  }

  @Test(arguments: StatusScene.all)
  func `colour is news`(scene: StatusScene) {
    let text = Self.lines(scene, 120, 35, hasColour: true).joined(separator: "\n")
    let hasRed = text.contains("31m")
    let hasYellow = text.contains("33m")
    switch scene.name {
    case "nothing-yet", "starting", "promoted": #expect(!hasRed && !hasYellow)
    // A probe that failed is the only red of a check that has not failed yet.
    case "failing":
      #expect(hasYellow && !text.contains("7;31m"))
      #expect(text.contains("\u{1B}[1;31m✗"))
    case "braked", "reverted": #expect(hasRed)
    case "soaking":
      // The advisory check that says no now and then.
      #expect(!text.contains("\u{1B}[1;33m FAILING"))
    default: #expect(hasYellow)
    }
    #expect(!text.contains("\u{1B}[33m"), "a bar of a passing check")
  }

  @Test func `an approval that is missing is counted`() throws {
    let scene = try #require(StatusScene.all.first { $0.name == "waiting-for-approval" })
    let text = StatusText(scene.report).text
    #expect(text.contains("WAITING FOR YOU  group:sre, 1 of 2 (wang)"), "\(text)")
  }

  @Test func `of a rule with each, those are asked whose approval is missing`() throws {
    let scene = try #require(StatusScene.all.first { $0.name == "waiting-for-approval" })
    var state = scene.report.state
    let index = try #require(state.rollout?.approval?.stage)
    state.rollout?.plan.stages[index].approval = ApprovalRule(
      each: [.group("sre"), .group("security")])
    let report = StatusReport(
      scene.report.service, state, driver: scene.report.driver, now: scene.report.now)
    let text = StatusText(report).text
    #expect(text.contains("WAITING FOR YOU  group:security, 1 of 2 (wang)"), "\(text)")
  }

  @Test func `columns are time, the same for every check`() throws {
    var often = Check(name: "often", source: .metric(.errorRate), condition: Condition(max: 1))
    often.every = .seconds(5)
    var seldom = often
    seldom.every = .seconds(20)
    let start = SceneMaker.start
    let points = { (step: Double) in
      stride(from: 0.0, to: 60, by: step).map {
        LiveSnapshot.Point(at: start + .seconds($0), value: $0 >= 40 ? 1 : 0)
      }
    }
    let now = start + .seconds(59)
    let text = { (check: Check, step: Double) in
      let columns = CheckColumns(points(step), check, soak: .minutes(30), now: now, count: 14)
      return String(Sparkline.cells(columns).map(\.character))
    }
    #expect(text(often, 5) == "  ▁▁▁▁▁▁▁▁████")
    #expect(text(seldom, 20) == text(often, 5))
  }
}
