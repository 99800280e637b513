import CanaryCore
import Testing

/// Spans, weights and instants, as texts.
@Suite struct ValueTests {
  @Test func `spans shares and weights are read as people write them`() {
    #expect(
      Span(parsing: "1h30m")?.milliseconds == 5_400_000
        && Span(parsing: "500ms")?.milliseconds == 500)
    #expect(Span(parsing: "1.5s")?.milliseconds == 1500 && Span(parsing: "2d")?.description == "2d")
    for text in ["", "5", "5 s", "-5s", "5x", "s", "1e3s", "1..5s", "99999d", "5S", "５s"] {
      #expect(Span(parsing: text) == nil, "\(text)")
    }
    #expect(
      Weight(percent: 0.25)?.description == "0.25" && Weight(percent: 12.5)?.description == "12.5")
    for percent in [-1, 100.01, 0.001, .nan, .infinity] { #expect(Weight(percent: percent) == nil) }
    #expect(Instant(milliseconds: 1_795_229_400_123).iso8601 == "2026-11-21T02:50:00.123Z")
    #expect(Instant(milliseconds: -1).iso8601 == "1969-12-31T23:59:59.999Z")
    #expect(Instant(milliseconds: 951_782_400_000).iso8601 == "2000-02-29T00:00:00.000Z")
  }
}
