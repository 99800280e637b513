import CanaryCore
import TestSupport
import Testing

/// Rules that hold for every check, whatever its source: the traps that other tools have, each by its name.
@Suite(.busy) struct RuleTests {
  private static let start = Instant(milliseconds: 1_750_000_000_000)

  private func check(_ name: CheckName, _ change: (inout Check) -> Void = { _ in }) -> Check {
    var check = Check(name: name, source: .command(["x"]), condition: Condition(max: 1))
    change(&check)
    return check
  }

  /// A service that soaks in its first stage, with these checks.
  private func soaking(_ checks: [Check]) throws -> ServiceState {
    let half = try #require(Weight(percent: 50))
    let plan = Plan(
      name: "p",
      stages: [Stage(weight: half, soak: .hours(10)), Stage(weight: .all, soak: .zero)],
      checks: checks, ready: Readiness(times: 1))
    var state = ServiceState(service: "chat", stable: "blue", other: "green")
    let events: [Event] = [
      .promote(
        PromoteRequest(to: "green", plan: plan, retain: .hours(1), actor: Actor("li"))),
      .looked(fault: nil, rollout: 1), .applied(Generation(1)),
    ]
    for event in events { state = decide(state, event, at: Self.start).state }
    return state
  }

  private func measured(
    _ state: ServiceState, _ readings: [(CheckName, Measurement.Reading)], after: Span = .seconds(1)
  ) -> Decision {
    let at = Self.start + after
    let list = readings.map { Measurement(check: $0.0, at: at, reading: $0.1) }
    return decide(state, .measured(list, rollout: 1, stage: 0), at: at)
  }

  @Test func `no rule depends on the order of checks`() throws {
    let names: [CheckName] = ["a", "b", "c", "d"]
    let readings: [(CheckName, Measurement.Reading)] = [
      ("a", .value(0, requests: nil)), ("b", .value(.nan, requests: nil)), ("c", .failed("down")),
      ("d", .value(2, requests: nil)),
    ]
    var dice = Dice(seed: 3)
    for _ in 0..<50 {
      let checks = names.shuffled(using: &dice).map { check($0) }
      let decision = measured(try soaking(checks), readings.shuffled(using: &dice))
      #expect(decision.state.word == .reverting)
      #expect(decision.state.rollout.flatMap(Wording.reason) == "check d failed: 2 > 1")
      let verdicts = Dictionary(
        uniqueKeysWithValues: (decision.state.rollout?.checks ?? []).map { ($0.name, $0.verdict) })
      #expect(verdicts == ["a": .pass, "b": .inconclusive, "c": .error, "d": .fail])
    }
  }

  @Test func `the worst verdict wins`() throws {
    let bad: [(Measurement.Reading, Bool)] = [
      (.value(.nan, requests: nil), false), (.failed("down"), false),
      (.nothing("silence"), false), (.value(1, requests: nil), true),
    ]
    for (reading, passes) in bad {
      var state = try soaking([check("good"), check("other")])
      state = decide(state, .advance(Actor("li")), at: Self.start).state
      let decision = measured(state, [("good", .value(0, requests: nil)), ("other", reading)])
      let isLeaving =
        if case .applying(1, _)? = decision.state.rollout?.phase { true } else { false }
      #expect(isLeaving == passes, "\(reading)")
    }
  }

  @Test func `an advisory check fails and gates nothing`() throws {
    let state = try soaking([check("good"), check("other") { $0.advisory = true }])
    let decision = measured(
      state, [("good", .value(0, requests: nil)), ("other", .value(9, requests: nil))])
    #expect(decision.state.word == .soaking)
    #expect(decision.state.rollout?.checks.last?.verdict == .fail)
  }

  @Test func `after a fail no further question is asked`() throws {
    var state = try soaking([check("a"), check("b")])
    state = measured(state, [("a", .value(2, requests: nil))]).state
    for event: Event in [
      .woke, .measured([], rollout: 1, stage: 0), .applyFailed(Generation(2), Fault("no")),
      .tookOver(.canary),
    ] {
      let decision = decide(state, event, at: Self.start + .seconds(30))
      for effect in decision.effects {
        if case .measure = effect { Issue.record("\(event) asks on: \(effect)") }
      }
      state = decision.state
    }
  }

  @Test func `an answer older than twice its interval is no data`() throws {
    var state = try soaking([check("a") { $0.every = .seconds(10) }])
    state = measured(state, [("a", .value(0, requests: nil))]).state
    let early = decide(state, .woke, at: Self.start + .seconds(20)).state
    #expect(early.rollout?.checks.first?.verdict == .pass)
    let late = decide(state, .woke, at: Self.start + .seconds(25)).state
    #expect(late.rollout?.checks.first?.verdict == .inconclusive)
    #expect(late.rollout?.checks.first?.detail == "the last answer is 24s old")
  }

  @Test func `the history is bounded for each check and its totals are exact`() throws {
    var state = try soaking([check("a") { $0.failures = 1_000_000 }])
    var kept = 0
    var entries = 0
    let count = 50_000
    for number in 1...count {
      // It flaps at every other measurement.
      let value = number % 2 == 0 ? 0.0 : 2.0
      let decision = measured(
        state, [("a", .value(value, requests: nil))], after: .seconds(Double(number) / 10))
      kept += decision.kept.count
      entries += decision.entries.count
      state = decision.state
    }
    let totals = try #require(state.rollout?.checks.first?.totals)
    #expect(totals.pass == count / 2 && totals.pending == count / 2)
    #expect(totals.changes == count - 1)
    #expect(totals.sum == Double(count) && totals.values == count)
    #expect(totals.least == 0 && totals.most == 2)
    #expect(entries == 50, "\(entries)")
    #expect(kept < 500, "\(kept)")
    let end = decide(state, .revert(Actor("li"), nil), at: Self.start + .hours(2))
    let last = try #require(end.kept.first)
    guard end.kept.count == 1, case .end(let check) = last.what else {
      Issue.record("\(end.kept)")
      return
    }
    #expect(check.totals == totals)
  }

  @Test func `kept measurements thin out and never end`() {
    for length in [10, 100, 10_000, 1_000_000] {
      let kept = (1...length).filter(KeptMeasurement.keeps)
      #expect(kept.count <= 16 + 8 * 16, "\(kept.count) of \(length)")
      #expect((kept.last ?? 0) > length * 9 / 10)
    }
  }

  @Test func `a guard holds, and goes back only where it may`() throws {
    let failing = {
      var state = CheckState(check("alerts"))
      state.verdict = .fail
      state.detail = "an alert fires: X"
      return state
    }()
    var idle = ServiceState(service: "chat", stable: "blue", other: "green")
    let told = decide(idle, .guarded(failing, .revert), at: Self.start)
    #expect(told.entries.map(\.event) == [.standingGuard] && told.effects.isEmpty)
    idle = told.state
    // The same verdict again is no news.
    #expect(decide(idle, .guarded(failing, .revert), at: Self.start).entries.isEmpty)

    var promoted = try soaking([])
    promoted = decide(promoted, .advance(Actor("li")), at: Self.start).state
    for event: Event in [.woke, .applied(Generation(2)), .woke] {
      promoted = decide(promoted, event, at: Self.start + .seconds(1)).state
    }
    promoted = decide(promoted, .applied(Generation(3)), at: Self.start + .seconds(2)).state
    #expect(promoted.word == .promoted, "\(Wording.sentence(promoted))")
    let held = decide(promoted, .guarded(failing, .hold), at: Self.start + .minutes(1))
    #expect(held.state.word == .promoted)
    let back = decide(promoted, .guarded(failing, .revert), at: Self.start + .minutes(1))
    #expect(back.state.word == .reverting)
    let late = decide(promoted, .guarded(failing, .revert), at: Self.start + .hours(2))
    #expect(late.state.word == .promoted)
  }

  @Test func `a placeholder cannot break out of where it stands`() {
    let evil = "v1\"} or vector(1) # ' ` \\ \n {{pool}}"
    let facts = PlaceholderValues(
      service: "chat", pool: "green", stable: "blue", servers: ["10.0.0.1:80", "[2001:db8::1]:80"],
      window: .seconds(90), release: evil, now: Self.start)
    let query = Placeholder.fill("up{v=\"{{release}}\"}", with: facts, in: .promQL)
    #expect(query == "up{v=\"v1\\x22} or vector(1) # \\x27 \\x60 \\x5c   {{pool}}\"}")
    #expect(
      Placeholder.fill("{{ servers }}[{{window}}]", with: facts, in: .promQL)
        == "10[.]0[.]0[.]1:80|[[]2001:db8::1[]]:80[1m30s]")
    #expect(
      Placeholder.fill("/q?v={{release}}&n={{now}}", with: facts, in: .url)
        == "/q?v=v1%22%7D%20or%20vector%281%29%20%23%20%27%20%60%20%5C%20%0A%20%7B%7Bpool%7D%7D&n=1750000000"
    )
    #expect(
      Placeholder.fill("{\"v\": \"{{release}}\"}", with: facts, in: .json)
        == "{\"v\": \"v1\\\"} or vector(1) # ' ` \\\\ \\n {{pool}}\"}")
    #expect(Placeholder.unknown(in: "{{pol}} {{pool}} {{ x y }}") == ["pol", "x y"])
  }
}

/// What may be released.
@Suite(.busy) struct ReleasePolicyTests {
  private func policy(_ change: (inout ReleasePolicy) -> Void) -> ReleasePolicy {
    var policy = ReleasePolicy()
    change(&policy)
    return policy
  }

  @Test func `patterns fit as a shell's stars do`() {
    let deny = policy { $0.deny = ["*-dev*", "0.*", "latest"] }
    for bad in ["v1-dev", "1-dev.3", "-dev", "0.", "0.9.1", "latest"] {
      #expect(deny.refusal(bad)?.contains("releases.deny") == true, "\(bad)")
    }
    for good in ["v1", "1.0.9", "10.0", "latest2", "dev"] {
      #expect(deny.refusal(good) == nil, "\(good)")
    }
    let allow = policy { $0.allow = ["v*.*", "*a*ab*"] }
    #expect(allow.refusal("v1.2") == nil && allow.refusal("xaaab") == nil)
    #expect(allow.refusal("v12")?.contains("v*.*, *a*ab*") == true)
    #expect(ReleasePolicy().refusal(nil) == nil)
    #expect(deny.refusal(nil)?.contains("--release") == true)
  }

  /// The examples of semver.org's own regular expression, and some of ours.
  @Test func `a version is semantic or not`() {
    let good = [
      "0.0.4", "1.2.3", "v1.11.2", "1.1.2-prerelease+meta", "1.1.2+meta-valid",
      "1.0.0-alpha.beta.1",
      "1.0.0-alpha0.valid", "1.0.0-rc.1+build.1", "1.2.3----RC-SNAPSHOT.12.9.1--.12",
      "1.0.0-0A.is.legal",
      "99999999999999999999999.999999999999999999.99999999999999999", "1.0.0+0.build.1-rc.10000aaa",
    ]
    let bad = [
      "", "1", "1.2", "1.2.3-0123", "1.2.3-0123.0123", "1.1.2+.123", "+invalid", "-invalid",
      "alpha",
      "1.0.0-alpha_beta", "1.0.0-alpha..", "01.1.1", "1.01.1", "1.1.01", "1.2.3.DEV",
      "1.2-SNAPSHOT",
      "9.8.7+meta+meta", "vv1.2.3", "1.2.3\n", "１.2.3", "1.2.3-é",
    ]
    let policy = policy { $0.semver = true }
    for version in good { #expect(policy.refusal(version) == nil, "\(version)") }
    for version in bad { #expect(policy.refusal(version) != nil, "\(version)") }
  }
}
