import TestSupport
import Testing

/// What the scanner behind `HouseTests` must follow, so that what it finds is true.
struct SwiftTextTests {
  private func scan(_ text: String) -> SwiftText { SwiftText(path: "a.swift", text) }

  private func words(_ text: String) -> [String] {
    let scanned = scan(text)
    #expect(scanned.faults.isEmpty)
    return scanned.tokens.filter { $0.kind != .symbol }.map(\.text)
  }

  @Test func `comments and literals are no code`() {
    #expect(words("a // b { \"\nc /* d /* e } */ \" f */ g") == ["a", "c", "g"])
    #expect(words(#"a("x { \" y") + b"#) == ["a", "b"])
    #expect(words("a(\"\") + \"\" + b") == ["a", "b"])
    #expect(words(##"a(#"x " \ \(y) {"#) + b"##) == ["a", "b"])
    #expect(words("a(#\"\"\"#) + b") == ["a", "b"])
    #expect(words(#"a("\\") + b("//") + c("/*")"#) == ["a", "b", "c"])
    #expect(words(#"a(of: /"{ \/ [0-9]+/) + b / c / d"#) == ["a", "of", "b", "c", "d"])
    #expect(words("a(#/\n  x \" {\n/#) + b") == ["a", "b"])
  }

  @Test func `what is interpolated is code`() {
    #expect(words(#"a("x \(b("y \(c) }")) z \({ d }())")"#) == ["a", "b", "c", "d"])
    #expect(words(##"a(#"x \(y) \#(b["\(c)"])"#)"##) == ["a", "b", "c"])
    let long = "a(\"\"\"\n  { \"x\" \"\"y \\\"\"\" \\(b)\n  \\(c { \"}\" }) \\\n  z\n  \"\"\")\nd"
    #expect(words(long) == ["a", "b", "c", "d"])
    #expect(scan(long).tokens.last?.line == 6)
  }

  @Test func `what cannot be followed is a fault`() {
    for text in ["a {", "a }", "(]", "a(\"b)\n", "/* a /* */", "a(\"\"\"\n", #"a("\(b"#] {
      #expect(!scan(text).faults.isEmpty, "\(text)")
    }
  }

  @Test func `functions are measured to their last brace`() {
    let text = ##"""
      struct A<B> where B: C {
        static let a = D(x: ["}"]) { e in
          "\(e.map { "}" })"
        }
        var b: [Int] { [] }
        var c = 1 {
          didSet { c = 2 }
        }
        var d = [1].map { $0 }, e: () -> Void, f = 3
        let g: (Int) -> Void
        init?(_ x: () -> Void = {}) throws(E) {
          guard let x = x() else { return nil }
          var y: Int { 1 }
          if var z { z() }
          let text: String?
          run { self.init() }
        }
        static func < (a: A, b: A) -> Bool {
          #"{"#
        }
        subscript(_ x: Int) -> Int {
          get { 1 }
        }
      }
      protocol F { func a() -> Int
        var b: Int { get }
        init() }
      """##
    let found = scan(text)
    #expect(found.faults.isEmpty)
    #expect(
      found.declarations.filter(\.isFunction).map {
        "\($0.kind) \($0.title) \($0.line) \($0.lines)"
      }
        == [
          "closure A.a 2 3", "var A.b 5 1", "var A.c 6 3", "closure A.d 9 1", "init A.init 11 7",
          "var y 13 1", "func A.< 18 3", "subscript A.subscript 21 3", "var F.b 26 1",
        ])
    #expect(
      found.declarations.filter { $0.isMember && $0.kind == "var" }.map(\.name)
        == ["b", "c", "d", "e", "f", "b"])
  }

  @Test func `what is named nowhere else is unused`() {
    let text = #"""
      struct A {
        let label: Int, used = 1
        var own: Int { again() + label }
        func again() -> Int { used + B.self.hash }
        func forever() -> Int { forever() }
        func local(_ strange: Int) -> Int { strange }
        var told: String { "\(spoken) silent" }
        var spoken = "", silent = ""
      }
      enum B: String { case first, second(Int), third = "third"
        static let hash = { if case .first = x { 1 } else { 2 } }
      }
      extension C { static let c = 1 }
      enum C {}
      func strange() {}
      let a = A(label: 1, strange: 2), unlike: Int = 2
      """#
    let found = SwiftText.unused(in: [scan(text)]).map(\.declaration.title)
    #expect(
      found == [
        "A.own", "A.forever", "A.local", "A.told", "A.silent", "B.second", "B.third", "C.c", "C",
        "a", "unlike",
      ])
  }

  @Test func `imports are read whole`() {
    let found = scan("package import A\nimport struct B.C\n@testable import D\n// import E\n")
    #expect(found.imports == ["A", "B", "D"])
  }
}
