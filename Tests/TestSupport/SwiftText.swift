/// A file of Swift as tokens and declarations: enough to hold the tree to the rules of the house.
///
/// It knows comments, literals and what stands in their `\(…)`, and nothing of types; `faults` has
/// what it cannot follow.
package struct SwiftText: Sendable {
  package enum Kind: Sendable { case word, quoted, number, symbol }

  package struct Token: Sendable {
    package let kind: Kind
    /// A word (one in backticks without them), a number, or a single symbol.
    package let text: String
    package let line: Int
  }

  package struct Declaration: Sendable {
    /// The keyword: `func`, `init`, `var`, `case`, `struct` and so on.
    ///
    /// An `extension` names its type once more; a `closure` is one in the value of a member.
    package let kind: String
    package let name: String
    /// The type it belongs to, if any.
    package let owner: String?
    package let line: Int
    /// Whether it stands in a type or in the file, not in a function.
    package let isMember: Bool
    /// Where its name is, and the last token that is its own.
    let at: Int
    let end: Int
    /// Whether it has a body that runs.
    package let isFunction: Bool
    /// From the line of its keyword to the one of its last brace.
    package let lines: Int

    /// Not an operator.
    var isWord: Bool { name.first.map { $0.isLetter || $0 == "_" } == true && name != "_" }

    package var title: String { owner.map { "\($0).\(name)" } ?? name }
  }

  package let path: String
  package let tokens: [Token]
  package let declarations: [Declaration]
  package let imports: [String]
  package let faults: [String]

  package init(path: String, _ text: String) {
    self.path = path
    var lexer = SwiftLexer(text)
    lexer.code(inString: false)
    var reader = SwiftReader(lexer.tokens, faults: lexer.faults)
    reader.read()
    tokens = lexer.tokens
    declarations = reader.declarations
    imports = reader.imports
    faults = reader.faults.map { "\(path):\($0)" }
  }

  /// Whether a word stands anywhere in the code.
  package func names(_ word: String) -> Bool {
    tokens.contains { $0.kind != .symbol && $0.text == word }
  }

  private static let types: Set<String> = [
    "actor", "class", "enum", "extension", "protocol", "struct",
  ]
  private static let nameless: Set<String> = [
    "closure", "deinit", "extension", "init", "subscript",
  ]

  /// Declarations that nothing in these files names.
  ///
  /// A member counts as named after a dot, or by itself within its own type; not as a label, nor
  /// within its own body. Local variables are left to the compiler.
  package static func unused(in files: [SwiftText]) -> [(path: String, declaration: Declaration)] {
    var dotted: Set<String> = []
    var bare: Set<String> = []
    var inType: [String: Set<String>] = [:]
    var protocols: Set<String> = []
    for file in files {
      var own: [String: [ClosedRange<Int>]] = [:]
      for one in file.declarations { own[one.name, default: []].append(one.at...one.end) }
      let types = file.declarations.filter { Self.types.contains($0.kind) }
      for one in types where one.kind == "protocol" { protocols.insert(one.name) }
      for (at, token) in file.tokens.enumerated()
      where token.kind == .word || token.kind == .quoted {
        if at > 0, file.tokens[at - 1].text == "." {
          dotted.insert(token.text)
        } else if own[token.text]?.contains(where: { $0.contains(at) }) != true {
          bare.insert(token.text)
          for type in types where type.at <= at && at <= type.end {
            inType[type.name, default: []].insert(token.text)
          }
        }
      }
    }
    return files.flatMap { file in
      file.declarations.filter { one in
        guard one.isMember || one.kind == "func", !nameless.contains(one.kind), one.isWord,
          !dotted.contains(one.name)
        else { return false }
        guard let owner = one.owner, !protocols.contains(owner) else {
          return !bare.contains(one.name)
        }
        return inType[owner]?.contains(one.name) != true
      }.map { (file.path, $0) }
    }
  }
}
