/// Tokens into declarations.
struct SwiftReader {
  private struct Scope {
    let close: Int
    /// The type whose body it is; nil for the body of anything else.
    let type: String?
    let isEnumeration: Bool
  }

  private let tokens: [SwiftText.Token]
  /// Where each bracket is closed.
  private var closing: [Int: Int] = [:]
  private var scopes: [Scope] = []
  /// Bodies of types that were announced, by their brace.
  private var bodies: [Int: Scope] = [:]
  var declarations: [SwiftText.Declaration] = []
  var imports: [String] = []
  var faults: [String]

  private static let types: Set<String> = [
    "actor", "class", "enum", "extension", "protocol", "struct",
  ]
  /// Words that no signature holds: where one stands, what came before had no body.
  private static let starts: Set<String> = [
    "actor", "associatedtype", "case", "class", "deinit", "do", "enum", "extension", "for", "func",
    "guard", "if", "import", "init", "let", "protocol", "return", "struct", "subscript", "switch",
    "typealias", "var", "while",
  ]

  init(_ tokens: [SwiftText.Token], faults: [String]) {
    self.tokens = tokens
    self.faults = faults
    let pairs = [")": "(", "]": "[", "}": "{"]
    var open: [Int] = []
    for (at, token) in tokens.enumerated() where token.kind == .symbol {
      if token.text == "(" || token.text == "[" || token.text == "{" {
        open.append(at)
      } else if let opening = pairs[token.text] {
        if let last = open.popLast(), tokens[last].text == opening {
          closing[last] = at
        } else {
          self.faults.append("\(token.line): '\(token.text)' closes nothing")
        }
      }
    }
    for at in open { self.faults.append("\(tokens[at].line): '\(tokens[at].text)' is not closed") }
  }

  private func symbol(_ at: Int) -> String {
    at >= 0 && at < tokens.count && tokens[at].kind == .symbol ? tokens[at].text : ""
  }

  private func isName(_ at: Int) -> Bool {
    at < tokens.count && (tokens[at].kind == .word || tokens[at].kind == .quoted)
  }

  mutating func read() {
    for at in tokens.indices {
      while let last = scopes.last, at >= last.close { scopes.removeLast() }
      let token = tokens[at]
      if token.kind == .symbol {
        if token.text == "{", let close = closing[at] {
          scopes.append(bodies[at] ?? Scope(close: close, type: nil, isEnumeration: false))
        }
        continue
      }
      // After a dot it is a name: `.init`, `.case`.
      guard token.kind == .word, symbol(at - 1) != "." else { continue }
      switch token.text {
      case "import": readImport(at)
      case "func", "init", "deinit", "subscript": readFunction(at)
      case "let", "var": readVariable(at)
      case "case" where scopes.last?.isEnumeration == true: readCases(at)
      case "typealias" where isName(at + 1): add(at, name: at + 1)
      case let word where Self.types.contains(word): readType(at)
      default: break
      }
    }
  }

  private mutating func readImport(_ at: Int) {
    guard isName(at + 1), tokens[at + 1].line == tokens[at].line else { return }
    let isKind = isName(at + 2) && tokens[at + 2].line == tokens[at].line
    imports.append(tokens[at + (isKind ? 2 : 1)].text)
  }

  private mutating func readType(_ at: Int) {
    let token = tokens[at]
    guard isName(at + 1), tokens[at + 1].line == token.line, let brace = body(from: at + 2),
      // `class func`, and a variable that is called actor.
      tokens[at + 1].text.first?.isUppercase == true
    else { return }
    var name = at + 1
    while token.text == "extension", symbol(name + 1) == ".", isName(name + 2) { name += 2 }
    let close = closing[brace] ?? brace
    add(at, name: name, body: brace)
    bodies[brace] = Scope(
      close: close, type: tokens[name].text, isEnumeration: token.text == "enum")
  }

  private mutating func readFunction(_ at: Int) {
    if tokens[at].text == "func" {
      guard at + 1 < tokens.count, symbol(at + 1) != ":" else { return }
      add(at, name: at + 1, body: body(from: at + 2), isFunction: true)
    } else if tokens[at].text == "deinit" || "(?!<".contains(symbol(at + 1)), symbol(at + 1) != "" {
      add(at, name: at, body: body(from: at + 1), isFunction: true)
    }
  }

  /// The brace of a body that a signature leads to.
  private func body(from start: Int) -> Int? {
    var at = start
    while at < tokens.count {
      switch symbol(at) {
      case "{": return at
      case "}": return nil
      case "(", "[": at = closing[at] ?? tokens.count
      default:
        if tokens[at].kind == .word, Self.starts.contains(tokens[at].text), symbol(at - 1) != "." {
          return nil
        }
      }
      at += 1
    }
    return nil
  }

  /// Each name of `var a = 1, b = 2`, and the body of a computed one or of its observers.
  private mutating func readVariable(_ start: Int) {
    guard isName(start + 1) else { return }
    // `if let name`, and what a pattern binds.
    guard
      symbol(start + 2) == ":" || symbol(start + 2) == "=" || symbol(start + 2) == "," && isMember
    else {
      return add(start, name: start + 1)
    }
    var name = start + 1
    var hasValue = false
    var at = start + 2
    var braces: Int?
    scan: while at < tokens.count {
      let isNewLine = tokens[at].line > tokens[at - 1].line
      switch symbol(at) {
      case "(", "[": at = closing[at] ?? tokens.count
      case "}", ")", "]", ";": break scan
      case "=": hasValue = true
      case ",":
        // Only members: a condition goes on with a comma too.
        guard isMember, isName(at + 1), [":", "=", ","].contains(symbol(at + 2)) else { break }
        add(start, name: name)
        name = at + 1
        hasValue = false
      case "{":
        let isObserver =
          at + 1 < tokens.count && ["willSet", "didSet"].contains(tokens[at + 1].text)
        if tokens[start].text == "var", !hasValue || isObserver {
          braces = at
          break scan
        }
        if isMember {
          add(at, name: name, kind: "closure", body: at, isFunction: true)
        }
        at = closing[at] ?? tokens.count
      case "":
        let isWord = tokens[at].kind == .word && symbol(at - 1) != "."
        if isWord, Self.starts.contains(tokens[at].text) { break scan }
        // A type may go on in the next line after these; anything else there is the next statement.
        let goesOn = [":", ",", "&", "=", "."].contains(symbol(at - 1)) || symbol(at - 2) == "-"
        if isWord, isNewLine, !goesOn { break scan }
      default: if symbol(at) == "@" || symbol(at) == "#", isNewLine { break scan }
      }
      at += 1
    }
    add(start, name: name, body: braces, isFunction: braces != nil)
  }

  private mutating func readCases(_ start: Int) {
    var at = start + 1
    while isName(at) {
      add(start, name: at)
      at += 1
      if symbol(at) == "(" { at = (closing[at] ?? at) + 1 }
      if symbol(at) == "=" {
        at += 1
        while symbol(at) == "-" || at < tokens.count && tokens[at].kind == .number { at += 1 }
      }
      guard symbol(at) == "," else { return }
      at += 1
    }
  }

  private var isMember: Bool { scopes.last.map { $0.type != nil } ?? true }

  private mutating func add(
    _ at: Int, name: Int, kind: String? = nil, body: Int? = nil, isFunction: Bool = false
  ) {
    let end = body.flatMap { closing[$0] } ?? name
    declarations.append(
      SwiftText.Declaration(
        kind: kind ?? tokens[at].text, name: tokens[name].text, owner: scopes.last?.type,
        line: tokens[at].line, isMember: isMember, at: name, end: end,
        isFunction: isFunction && body != nil, lines: tokens[end].line - tokens[at].line + 1))
  }
}
