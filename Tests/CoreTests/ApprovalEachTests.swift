import CanaryCore
import Testing

/// Approvals of each of several, and what a person says of a release.
@Suite struct ApprovalEachTests {
  private func person(_ uid: UInt32, _ groups: String...) -> Person {
    Person(uids: [uid], users: ["u\(uid)"], groups: groups)
  }

  private func rule(_ each: String...) -> ApprovalRule {
    ApprovalRule(each: each.compactMap(ApprovalRule.Approver.init))
  }

  @Test func `each of the named must approve, by different people`() {
    let rule = rule("group:lead", "group:sre", "user:u9")
    let both = person(1, "lead", "sre")
    #expect(rule.count == 3)
    #expect(rule.refusal(both, starter: nil, given: []) == nil)
    #expect(rule.missingWords([both]) == "group:sre, user:u9")
    // Who fits two leaves the other to whoever fits one.
    let lead = person(2, "lead")
    #expect(rule.refusal(lead, starter: nil, given: [both]) == nil)
    #expect(rule.missingWords([both, lead]) == "user:u9")
    #expect(
      rule.refusal(person(3, "sre"), starter: nil, given: [both, lead])
        == "the approvals that you may give are there; missing: user:u9")
    #expect(rule.refusal(both, starter: nil, given: [both])?.contains("already") == true)
    #expect(rule.refusal(person(4, "web"), starter: nil, given: [])?.contains("may not") == true)
    #expect(rule.missing(after: [both, lead, person(9)]).isEmpty)
  }

  @Test func `a group named twice takes two of it`() {
    let rule = rule("group:sre", "group:sre")
    #expect(rule.missingWords([person(1, "sre")]) == "group:sre")
    #expect(rule.missing(after: [person(1, "sre"), person(2, "sre")]).isEmpty)
  }

  @Test func `what is said of a release is bounded`() throws {
    var meta = Meta()
    try meta.add(parsing: "ticket=OPS-12")
    try meta.add(parsing: "commit=a=b")
    #expect(meta.words == "commit=a=b, ticket=OPS-12")
    let long = String(repeating: "x", count: 501)
    for bad in [
      "ticket", "=x", "a b=x", "9a=x", "_a=x", "ticket=2", "Ticket=3", "a=", "a=\n", "a=\(long)",
    ] {
      #expect(throws: Violation.self, "\(bad)") { try meta.add(parsing: bad) }
    }
    for number in 2..<20 { try meta.add(parsing: "k\(number)=v") }
    #expect(throws: Violation.self) { try meta.add(parsing: "more=v") }
  }

  @Test func `a request that leaves out what is required is told all of it`() throws {
    var policy = ReleasePolicy()
    policy.required = ["reason", "release", "meta.ticket"].compactMap(
      ReleasePolicy.Required.init)
    #expect(policy.required.count == 3 && ReleasePolicy.Required(parsing: "meta.") == nil)
    let plan = Plan(name: "p", stages: [], checks: [])
    let actor = Actor("li")
    var request = PromoteRequest(
      to: "green", plan: plan, reason: " ", retain: .hours(1), actor: actor)
    #expect(
      policy.refusal(of: request)
        == "this service requires --reason TEXT and --release VERSION and --meta ticket=VALUE")
    (request.reason, request.release) = ("why", "v1")
    try request.meta.add(parsing: "ticket=OPS-12")
    #expect(policy.refusal(of: request) == nil)
  }
}
