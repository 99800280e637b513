import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

// A good config made bad: refused at its place, or harmless.

extension ConfigTests {
  /// Every value in the tree, by its path.
  func places(_ node: Node, _ path: [Step] = []) -> [[Step]] {
    switch node {
    case .table(let table):
      return [path]
        + table.keys.sorted().flatMap { key in
          table[key].map { places($0, path + [.key(key)]) } ?? []
        }
    case .list(let items):
      return [path] + items.indices.flatMap { places(items[$0], path + [.index($0)]) }
    case .null, .bool, .number, .text: return [path]
    }
  }

  enum Step: Hashable {
    case key(String)
    case index(Int)
  }

  func replaced(_ node: Node, _ path: ArraySlice<Step>, by new: Node) -> Node {
    guard let step = path.first else { return new }
    switch (node, step) {
    case (.table(var table), .key(let key)):
      table[key] = table[key].map { replaced($0, path.dropFirst(), by: new) }
      return .table(table)
    case (.list(var items), .index(let index)):
      items[index] = replaced(items[index], path.dropFirst(), by: new)
      return .list(items)
    default: return node
    }
  }

  func value(_ node: Node, _ path: ArraySlice<Step>) -> Node? {
    guard let step = path.first else { return node }
    switch (node, step) {
    case (.table(let table), .key(let key)):
      return table[key].flatMap { value($0, path.dropFirst()) }
    case (.list(let items), .index(let index)): return value(items[index], path.dropFirst())
    default: return nil
    }
  }

  func shown(_ path: [Step]) -> String {
    path.reduce("") { text, step in
      switch step {
      case .key(let key): text.isEmpty ? key : "\(text).\(key)"
      case .index(let index): "\(text)[\(index)]"
      }
    }
  }

  /// Texts that would mean something to Nginx, to a shell or to a terminal.
  static let hostile = [
    "", "a;b", "a{b", "a}b", "a\nb", "a\rb", "a\"b", "a'b", "$host", "a\\b", "a#b", "a\u{0}b", "ä",
    "a\u{202E}b", "a b;",
    String(repeating: "x", count: 5000),
  ]

  static let wrong: [Node] =
    [
      .null, .bool(true), .bool(false), .number(-1), .number(0.001), .number(1e300), .number(.nan),
      .number(7.5), .list([]),
      .list([.number(1)]), .list([.text("x;y")]), .list([.null]), .table([:]),
      .table(["no such key": .null]),
    ] + hostile.map(Node.text)

  @Test func `every value wrong in every way is refused at its place or harmless`() throws {
    let good = try ConfigFile.parse(Self.good, name: "test")
    let templates = try TemplateFiles.load(folder: nil)
    #expect(problems(good).isEmpty)
    var refused = 0
    for path in places(good) where !path.isEmpty {
      let was = value(good, path[...])
      var refusedHere = 0
      for new in Self.wrong where new != was {
        let node = replaced(good, path[...], by: new)
        let found = problems(node)
        if found.isEmpty {
          let config = try ConfigReader(file: "/etc/canary/canary.json5").read(node)
          expectContained(config, templates, "\(shown(path)) = \(new.shown.prefix(60))")
        } else {
          refusedHere += 1
          #expect(found.allSatisfy { !$0.rule.isEmpty && $0.description.utf8.count < 2000 })
        }
      }
      #expect(refusedHere >= 8, "\(shown(path)) takes almost anything")
      refused += refusedHere
    }
    #expect(refused > 1500)
  }

  /// Nothing of the config has broken out of its place in the generated files.
  func expectContained(_ config: Config, _ templates: TemplateSet, _ what: String) {
    let faults = Containment.faults(config, templates)
    #expect(faults.isEmpty, "\(what): \(faults)")
  }

  @Test func `five thousand mutations of a good config are refused or harmless`() throws {
    let good = Array(Self.good.utf8)
    let templates = try TemplateFiles.load(folder: nil)
    var dice = Dice(seed: 5)
    var harmless = 0
    for round in 0..<5000 {
      var bytes = good
      for _ in 0...dice.below(3) {
        let at = dice.below(bytes.count)
        switch dice.below(5) {
        case 0: bytes[at] = UInt8(truncatingIfNeeded: dice.next())
        case 1: bytes.removeSubrange(at..<min(bytes.count, at + 1 + dice.below(8)))
        case 2: bytes.insert(Array(";{}\"'$\\\n#,:[]".utf8)[dice.below(13)], at: at)
        case 3:
          bytes.insert(
            contentsOf: bytes[at..<min(bytes.count, at + dice.below(30))],
            at: dice.below(bytes.count))
        default: bytes.swapAt(at, dice.below(bytes.count))
        }
      }
      do throws(Problems) {
        let config = try read(String(decoding: bytes, as: UTF8.self))
        harmless += 1
        expectContained(config, templates, "round \(round)")
      } catch {
        #expect(!error.list.isEmpty && error.list.allSatisfy { !$0.rule.isEmpty }, "round \(round)")
      }
    }
    #expect(harmless > 50 && harmless < 4500, "\(harmless) of 5000 were taken")
  }

}
