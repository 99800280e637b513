import CanaryCore
import Testing

/// What is said before a rollout, from the traffic that is there.
@Suite struct OutlookTests {
  private func outlook(rate: Double, failing: Double = 0, slow: Int64 = 20) -> Outlook {
    var recent = Outlook.Recent(span: .minutes(10))
    recent.requests = Int(rate * 600)
    recent.failures = Int(rate * 600 * failing)
    for index in 0..<1000 { recent.latency.record(milliseconds: index % 50 == 0 ? slow : 20) }
    return Outlook(PlanReader.standard, recent)
  }

  @Test func `at two requests a second the default plan can't pass, and says so`() {
    let found = outlook(rate: 2)
    #expect(!found.canPass)
    let first = found.steps[0]
    #expect(first.takes == nil)
    #expect(first.cause == "errors needs 20 canary requests in 1m, about 6 come", "\(first)")
    // The last stage has all of the requests.
    #expect(found.steps[4].takes != nil)
    #expect(Outlook.leastRate(PlanReader.standard) > 6)
  }

  @Test func `with enough traffic each stage lasts its soak, or as long as its evidence takes`() {
    let busy = outlook(rate: 200)
    #expect(busy.canPass && busy.broken.isEmpty, "\(busy.steps)")
    #expect(busy.steps.allSatisfy { $0.cause == nil }, "\(busy.steps)")
    let slow = outlook(rate: 15)
    #expect(slow.steps[0].takes.map { $0 > .zero } == true, "\(slow.steps)")
  }

  @Test func `a bound that stable breaks itself is named`() {
    let failing = outlook(rate: 100, failing: 0.08)
    #expect(
      failing.broken.contains { $0.contains("stable itself is at 8%, and errors allows 5%") },
      "\(failing.broken)")
    let slow = outlook(rate: 100, slow: 1500)
    #expect(slow.broken.contains { $0.contains("and latency allows 1s") }, "\(slow.broken)")
  }

  @Test(arguments: [0.0, 1e-9, 1e9])
  func `extremes of traffic end in words`(_ rate: Double) {
    let found = outlook(rate: rate)
    #expect(found.steps.count == 5)
  }
}
