import CanaryCore
import Testing

// What a line says of the bodies of answers.
extension LogLineTests {
  private func full(
    _ status: Int, _ tried: String, _ bytes: String, _ ending: String, grpc: String = "-",
    address: String = "127.0.0.1:9002"
  ) -> String {
    line(status, address, tried, "-", tried == "-" ? "2.000" : "0.005")
      .replacing("canary1", with: "canary5") + "\t17\t\(grpc)\t55\t\(bytes)\t\(ending)"
  }

  /// Failures, 4xx, 3xx, cut off, and those who gave up.
  private func signs(_ tally: LogTally) -> [Int] {
    var tally = tally
    let sum = tally.total(pool: "green", from: 0, through: 1 << 40)
    return [sum.failures, sum.rejected, sum.redirected, sum.cutOff, sum.waits.count]
  }

  @Test func `a line says what the answer was`() {
    for (text, signs) in [
      (full(200, "200", "5", "OK:5"), [0, 0, 0, 0, 0]),
      (full(200, "200", "5", "OK:5000"), [1, 0, 0, 1, 0]),
      (full(200, "200", "0", "OK:5000"), [1, 0, 0, 1, 0]),
      // The client left; what leads elsewhere, and HEAD; in chunks; without a body by its nature.
      (full(200, "200", "5", ":5000"), [0, 0, 0, 0, 0]),
      (full(200, "200", "0", "OK:-"), [0, 0, 0, 0, 0]),
      (full(200, "200", "15", "OK:"), [0, 0, 0, 0, 0]),
      (full(304, "304", "0", "OK:7"), [0, 0, 0, 0, 0]),
      (full(204, "204", "0", "OK:7"), [0, 0, 0, 0, 0]),
      (full(404, "404", "5", "OK:5"), [0, 1, 0, 0, 0]),
      (full(302, "302", "0", "OK:0"), [0, 0, 1, 0, 0]),
      (full(200, "200", "0", "OK:", grpc: "16"), [0, 1, 0, 0, 0]),
      (full(200, "200", "0", "OK:", grpc: "14"), [1, 0, 0, 0, 0]),
      (full(499, "-", "0", ":"), [0, 0, 0, 0, 1]),
      (full(408, "-", "0", ":"), [0, 0, 0, 0, 0]),
      (
        full(200, "502, 200", "0, 5", "OK:5000", address: "127.0.0.1:9001, 127.0.0.1:9002")
          .replacing("\t0.005\t17", with: "\t0.001, 0.005\t17"), [1, 0, 0, 1, 0]
      ),
      (
        full(200, "200", "5", "OK:5").replacing("canary5", with: "canary6")
          .replacing("\t55\t", with: "\t80\t80\t5\t55\t"), [0, 0, 0, 0, 0]
      ),
      (
        full(200, "200", "5", "OK:9").replacing("canary5", with: "canary6")
          .replacing("\t55\t", with: "\t80\t80\t5\t55\t"), [1, 0, 0, 1, 0]
      ),
    ] {
      let tally = tally([text])
      #expect(tally.unreadable == 0 && self.signs(tally) == signs, "\(text): \(self.signs(tally))")
    }
    for bad in [
      full(200, "200", "5", ""), full(200, "200", "", "OK:5"), full(200, "200", "5", "OK"),
      full(200, "200", "5, 5", "OK:5"), full(200, "200", "5", "OK:5\t"),
      full(200, "200", "5", "OK:5").replacing("\t55\t", with: "\t-\t"),
      line(200, "127.0.0.1:9001", "200", "0.004", "0.005") + "\t",
    ] {
      #expect(tally([bad]).unreadable == 1, "\(bad)")
    }
  }

  @Test func `what the error log says of a connection is met once`() {
    var tally = LogTally(pools: Self.table.pools)
    tally.cutConnections = [55: 1, 56: 1]
    let parser = LogParser(Self.table, .response)
    for text in [full(200, "200", "15", "OK:"), full(200, "200", "15", "OK:")] {
      Array(text.utf8).withUnsafeBufferPointer { parser.parse($0[...], into: &tally) }
    }
    #expect(signs(tally) == [1, 0, 0, 1, 0] && tally.cutConnections == [56: 1])
  }
}
