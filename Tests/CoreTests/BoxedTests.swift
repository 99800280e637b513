import CanaryCore
import FoundationEssentials
import Testing

/// A box is seen neither by those who use its value nor in what is stored.
@Suite struct BoxedTests {
  private struct Holder: Equatable, Codable {
    @Boxed var list: [Int]? = nil
    @Boxed var number: Int
  }

  @Test func `a copy keeps its value when the other is written to`() {
    var one = Holder(list: [1], number: 7)
    let two = one
    #expect(one == two)
    one.list?.append(2)
    #expect(one.list == [1, 2] && two.list == [1])
    #expect(one != two && one.number == two.number)
  }

  @Test func `what is stored is as without a box`() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let empty = String(decoding: try encoder.encode(Holder(number: 7)), as: UTF8.self)
    #expect(empty == #"{"number":7}"#)
    let full = String(decoding: try encoder.encode(Holder(list: [1], number: 7)), as: UTF8.self)
    #expect(full == #"{"list":[1],"number":7}"#)
    for text in [empty, full, #"{"list":null,"number":7}"#] {
      let read = try JSONDecoder().decode(Holder.self, from: Data(text.utf8))
      #expect(read == Holder(list: text == full ? [1] : nil, number: 7))
    }
  }
}
