import CanaryCore
import TestSupport
import Testing

@Suite(.busy) struct JudgeTests {
  private static let start = Instant(milliseconds: 1_000_000)

  private func check(_ change: (inout Check) -> Void = { _ in }) -> Check {
    var check = Check(
      name: "errors", source: .metric(.errorRate), condition: Condition(max: 0.05), minRequests: 20)
    change(&check)
    return check
  }

  /// The state after measurements one second apart.
  private func after(_ check: Check, _ readings: [Measurement.Reading]) -> CheckState {
    var state = CheckState(check)
    for (second, reading) in readings.enumerated() {
      let at = Self.start + .seconds(Double(second))
      state = Judge.fold(state, check, Measurement(check: check.name, at: at, reading: reading))
    }
    return state
  }

  @Test func `the bound itself passes and the smallest step beyond fails`() {
    #expect(after(check(), [.value(0.05, requests: 100)]).verdict == .pass)
    #expect(after(check(), [.value(0.05.nextUp, requests: 100)]).verdict == .fail)
    let least = check { $0.condition = Condition(min: 2) }
    #expect(after(least, [.value(2, requests: 100)]).verdict == .pass)
    #expect(after(least, [.value(2.0.nextDown, requests: 100)]).verdict == .fail)
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity, .signalingNaN])
  func `what is no number never passes`(value: Double) {
    for condition in [Condition(max: 0.05), Condition(min: 0), Condition(max: 1, min: 0)] {
      let verdict = after(check { $0.condition = condition }, [.value(value, requests: 1000)])
        .verdict
      #expect(verdict == .inconclusive)
    }
  }

  @Test func `no data is never good`() {
    #expect(CheckState(check()).verdict == .pending)
    #expect(after(check(), [.value(0, requests: 19)]).verdict == .inconclusive)
    #expect(after(check(), [.value(1, requests: 19)]).verdict == .inconclusive)
    #expect(after(check(), [.value(0, requests: 20)]).verdict == .pass)
    #expect(
      after(check(), [.value(0, requests: 100), .nothing("silence")]).verdict == .inconclusive)
    #expect(
      Judge.reading(
        .errorRate, requests: 0, failures: 0, window: .seconds(5), quantile: { _ in nil })
        == .nothing("no canary requests in 5s"))
  }

  @Test func `in a plan that compares a bound is judged beside stable`() {
    let weighing = check { $0.weighsStable = true }
    func verdict(_ check: Check, _ value: Double, _ requests: Int, stable: Double?) -> CheckState {
      after(
        check, [.beside(value, requests: requests, stable: stable, stableRequests: 600)])
    }
    #expect(verdict(weighing, 0.2, 100, stable: 0.2).verdict == .inconclusive)
    let chance = verdict(weighing, 0.0625, 32, stable: 0.02)
    #expect(chance.verdict == .pending)
    #expect(chance.detail == "6.25% > 5% over 32 requests, which so few may do by chance")
    // Three standard errors of the bound: a fifth of twenty requests, or 6 % of six thousand.
    #expect(verdict(weighing, 0.2, 20, stable: 0.02).verdict == .fail)
    #expect(verdict(weighing, 0.06, 6000, stable: 0.02).verdict == .fail)
    #expect(verdict(weighing, 0.06, 600, stable: nil).verdict == .pending)
    #expect(verdict(weighing, 0.05, 600, stable: nil).verdict == .pass)
    // In a plan that compares nothing, a bound is a bound.
    #expect(after(check(), [.value(0.0625, requests: 32)]).verdict == .fail)
  }

  @Test func `a source that fails is told apart from a release that fails`() {
    #expect(after(check(), [.failed("refused")]).verdict == .error)
    #expect(after(check(), [.value(0, requests: 100), .failed("refused")]).verdict == .error)
    #expect(
      after(check { $0.source = .probe(path: "/") }, [.answer(false, "503")]).verdict == .fail)
  }

  @Test func `broken for a while but not long enough is pending and never passes`() {
    let lasting = check { $0.lasting = .seconds(3) }
    let bad = Measurement.Reading.value(0.5, requests: 100)
    let good = Measurement.Reading.value(0, requests: 100)
    #expect(after(lasting, [bad]).verdict == .pending)
    #expect(after(lasting, [bad, bad, bad]).verdict == .pending)
    #expect(after(lasting, [bad, bad, bad, bad]).verdict == .fail)
    #expect(after(lasting, [bad, bad, good, bad, bad]).verdict == .pending)
    let counted = check { $0.failures = 3 }
    #expect(after(counted, [bad, bad]).verdict == .pending)
    #expect(after(counted, [bad, bad, bad]).verdict == .fail)
    #expect(after(counted, [bad, bad, good, bad, bad]).verdict == .pending)
  }

  @Test func `the worst verdict wins whatever the order`() {
    #expect(Verdict.allCases.sorted() == [.pass, .pending, .inconclusive, .error, .fail])
    for worst in Verdict.allCases {
      let list = Verdict.allCases.filter { $0 <= worst }
      #expect(list.max() == worst && list.reversed().max() == worst)
    }
  }

  @Test func `a detail says what was measured against what`() {
    #expect(
      after(check(), [.value(0.0012, requests: 1843)]).detail == "0.12% ≤ 5% over 1843 requests")
    #expect(after(check(), [.value(0.2273, requests: 22)]).detail == "22.73% > 5% over 22 requests")
    let latency = check {
      $0.source = .metric(.latencyP99)
      $0.condition = Condition(max: 1)
    }
    #expect(after(latency, [.value(0.25, requests: 50)]).detail == "250ms ≤ 1s over 50 requests")
    #expect(after(latency, [.value(1.5, requests: 50)]).detail == "1.5s > 1s over 50 requests")
  }

  @Test func `warmup and interval say when a check is due`() {
    let check = check { $0.warmup = .seconds(10) }
    var state = CheckState(check)
    #expect(
      !state.isDue(
        check, soak: .minutes(30), stageStart: Self.start, at: Self.start + .seconds(9.9)))
    #expect(
      state.isDue(check, soak: .minutes(30), stageStart: Self.start, at: Self.start + .seconds(10)))
    state.measuredAt = Self.start + .seconds(10)
    #expect(
      !state.isDue(
        check, soak: .minutes(30), stageStart: Self.start, at: Self.start + .seconds(19.9)))
    #expect(
      state.isDue(check, soak: .minutes(30), stageStart: Self.start, at: Self.start + .seconds(20)))
    // A soak of seconds is measured several times all the same.
    #expect(
      state.isDue(check, soak: .seconds(3), stageStart: Self.start, at: Self.start + .seconds(11)))
  }

  @Test func `checks of many rollouts are due together, and none is late`() {
    for (every, measured, due) in [
      (10.0, 0.0, 10.0), (10, 0.001, 10), (10, 0.999, 10), (2, 0.25, 2), (2.5, 0.6, 3),
      // Where a second is a large part of an interval, it is kept as it is.
      (1.9, 0.25, 2.15), (0.5, 0.25, 0.75),
    ] {
      let check = check { $0.every = .seconds(every) }
      var state = CheckState(check)
      #expect(state.nextDue(check, soak: .minutes(30)) == nil)
      state.measuredAt = Self.start + .seconds(measured)
      let found = state.nextDue(check, soak: .minutes(30))
      #expect(found == Self.start + .seconds(due), "every \(every) s, measured at \(measured) s")
    }
  }
}
