import CanaryAdapters
import CanaryCore
import CanaryDriver
import Glibc
import TestSupport
import Testing

/// The weight that `status` tells is what a worker says at the time of the command.
@Suite(.blocking) struct ConfirmedWeightTests {
  private static let slow = """
    stages: [{ weight: 30, soak: "10m" }, { weight: 100, soak: "1s" }], checks: []
    """

  private struct Told {
    var weight: String
    var blue: String
    var green: String
    var fault: String
    var text: String
  }

  private func told(_ sandbox: Sandbox) throws -> Told {
    let answer = try #require(JSONAnswer.parse(try sandbox.status()))
    func value(_ path: String) -> String {
      switch JSONAnswer.at(path, in: answer) {
      case .number(let number): "\(number)"
      case .text(let text): text
      case .null: "null"
      default: "missing"
      }
    }
    return Told(
      weight: value("/weight"), blue: value("/weights/blue"), green: value("/weights/green"),
      fault: value("/weight_fault"), text: try sandbox.canary("status", "chat").text)
  }

  private func expect(
    _ told: Told, _ weight: String, blue: String, green: String,
    at place: SourceLocation = #_sourceLocation
  ) {
    #expect(
      told.weight == weight && told.blue == blue && told.green == green, "\(told)",
      sourceLocation: place)
    #expect((told.fault == "null") == (weight != "null"), "\(told)", sourceLocation: place)
  }

  @Test(arguments: WeightForm.allCases)
  func `the weight is the one that a worker confirms`(form: WeightForm) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(service: "weights: \"\(form.rawValue)\",", plan: Self.slow)
    expect(try told(sandbox), "0.0", blue: "100.0", green: "0.0")
    let driver = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    expect(try told(sandbox), "30.0", blue: "70.0", green: "30.0")
    // Nothing but Nginx knows of it: the driver is stopped, and the store says 30.
    driver.signal(SIGSTOP)
    if form == .seats {
      _ = try Spawn.run(["rm", "-r", "\(sandbox.folder)/run/seats/chat"], limit: .seconds(5))
    } else {
      try Files.replace("\(sandbox.folder)/run/chat.brake", with: "")
    }
    expect(try told(sandbox), "0.0", blue: "100.0", green: "0.0")
    driver.signal(SIGCONT)
    #expect(try sandbox.canary("revert", "chat").code == 0)
    expect(try told(sandbox), "0.0", blue: "100.0", green: "0.0")
  }

  @Test func `the weight is null while no worker can be asked`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Self.slow)
    _ = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    let workers = sandbox.workers.map(\.pid)
    for worker in workers { kill(worker, SIGSTOP) }
    let hung = try told(sandbox)
    for worker in workers { kill(worker, SIGCONT) }
    expect(hung, "null", blue: "null", green: "null")
    #expect(hung.text.contains("no answer within"), "\(hung.text)")
    sandbox.stopNginx()
    let stopped = try told(sandbox)
    expect(stopped, "null", blue: "null", green: "null")
    #expect(
      stopped.text.contains("canary weight unknown, because Nginx cannot be asked (30%")
        && stopped.text.contains("nobody listens on"), "\(stopped.text)")
    try sandbox.startNginxAsWritten()
    try sandbox.wait("an answer") { try sandbox.field("weight") != "null" }
  }

  @Test func `after a promotion and its revert the shares are those of the pools`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: "stages: [{ weight: 100, soak: \"100ms\" }], checks: []")
    #expect(try sandbox.canary("promote", "chat").code == 0)
    expect(try told(sandbox), "0.0", blue: "0.0", green: "100.0")
    // A brake of a person leads back, whether or not anybody has recorded it.
    try sandbox.writeNginxConf(extra: "server { this is broken; }")
    #expect(try sandbox.canary("revert", "chat").code == 1)
    let braked = try told(sandbox)
    #expect(braked.blue == "100.0" && braked.green == "0.0", "\(braked)")
    try sandbox.writeNginxConf()
    #expect(try sandbox.canary("revert", "chat").code == 0)
    expect(try told(sandbox), "0.0", blue: "100.0", green: "0.0")
  }
}
