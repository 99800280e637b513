/// A text with slots `{{name}}` and repeated sections `{{#name}} … {{/name}}`.
///
/// It is checked both ways: a slot without a value and a value without a slot are errors.
package struct Template: Sendable {
  /// The value of a slot or section.
  package indirect enum Value: Sendable {
    case text(String)
    /// A section, written once for each row.
    ///
    /// `names` are its slots, stated so that a section without rows is checked too; `inner` are the
    /// sections in it, with the names of their slots.
    case rows(names: Set<String>, inner: [String: Set<String>] = [:], [[String: Value]])
  }

  private indirect enum Piece: Sendable {
    case text(String)
    case slot(String)
    case section(String, [Piece])
  }

  private let name: String
  private let pieces: [Piece]

  /// Parses the text; throws `Problems` with the line of each malformed slot or section.
  package init(_ text: String, name: String) throws(Problems) {
    self.name = name
    var stack: [(name: String, pieces: [Piece])] = [("", [])]
    var faults = Problems()
    var rest = Substring(text)
    var line = 1
    while let open = rest.firstRange(of: "{{") {
      let before = rest[..<open.lowerBound]
      line += before.count { $0 == "\n" }
      guard let close = rest[open.upperBound...].firstRange(of: "}}") else { break }
      let tag = rest[open.upperBound..<close.lowerBound]
      let sigil = tag.first
      let word = String(sigil == "#" || sigil == "/" ? tag.dropFirst() : tag)
      if word.isEmpty || !word.utf8.allSatisfy({ Text.isAlphanumeric($0) || $0 == 95 }) {
        faults.add(Problem("\(name):\(line)", found: String(tag), "has a slot that is no name"))
      }
      stack[stack.count - 1].pieces.append(.text(String(before)))
      rest = rest[close.upperBound...]
      // The line of a tag that stands alone disappears, so that sections leave no empty lines in
      // the output.
      let ownLine = (before.isEmpty || before.hasSuffix("\n")) && rest.hasPrefix("\n")
      if sigil == "#" || sigil == "/", ownLine {
        rest = rest.dropFirst()
        line += 1
      }
      switch sigil {
      case "#": stack.append((word, []))
      case "/":
        if stack.count > 1, stack[stack.count - 1].name == word {
          let section = stack.removeLast()
          stack[stack.count - 1].pieces.append(.section(section.name, section.pieces))
        } else {
          faults.add(Problem("\(name):\(line)", found: word, "ends a section that is not open"))
        }
      default: stack[stack.count - 1].pieces.append(.slot(word))
      }
    }
    if rest.contains("{{") {
      faults.add(Problem("\(name):\(line)", "opens a slot '{{' that is not closed"))
    }
    if stack.count > 1 {
      faults.add(
        Problem(name, found: stack[stack.count - 1].name, "has a section that does not end"))
    }
    stack[stack.count - 1].pieces.append(.text(String(rest)))
    guard faults.isEmpty else { throw faults }
    pieces = stack[0].pieces
  }

  /// Returns the text with every slot filled; throws `Problems` with each unknown slot and each
  /// unused value.
  package func fill(_ values: [String: Value]) throws(Problems) -> String {
    var faults = Problems()
    check(pieces, scopes: [values.mapValues(Shape.init)], faults: &faults)
    guard faults.isEmpty else { throw faults }
    var out = ""
    write(pieces, scopes: [values], into: &out)
    return out
  }

  /// The kind and slots of a value, without its rows.
  private enum Shape {
    case text
    case rows(Set<String>, [String: Set<String>])

    init(_ value: Value) {
      switch value {
      case .text: self = .text
      case .rows(let names, let inner, _): self = .rows(names, inner)
      }
    }
  }

  private func check(_ pieces: [Piece], scopes: [[String: Shape]], faults: inout Problems) {
    var used: Set<String> = []
    collect(pieces, scopes: scopes, used: &used, faults: &faults)
    for name in (scopes.last ?? [:]).keys.sorted() where !used.contains(name) {
      faults.add(
        Problem(self.name, "does not use '{{\(name)}}', without which the result would be wrong"))
    }
  }

  private func collect(
    _ pieces: [Piece], scopes: [[String: Shape]], used: inout Set<String>, faults: inout Problems
  ) {
    for piece in pieces {
      switch piece {
      case .text: break
      case .slot(let slot):
        used.insert(slot)
        if case .text? = scopes.reversed().lazy.compactMap({ $0[slot] }).first { continue }
        let known = scopes.flatMap(\.keys)
        let advice =
          Spelling.nearest(to: slot, among: known).map { "; did you mean '{{\($0)}}'?" } ?? ""
        faults.add(Problem(name, "has the unknown slot '{{\(slot)}}'\(advice)"))
      case .section(let section, let inner):
        used.insert(section)
        guard
          case .rows(let names, let sections)? = scopes.reversed().lazy.compactMap({ $0[section] })
            .first
        else {
          faults.add(Problem(name, "has the unknown section '{{#\(section)}}'"))
          continue
        }
        var scope = sections.mapValues { Shape.rows($0, [:]) }
        for name in names { scope[name] = .text }
        var innerUsed: Set<String> = []
        collect(inner, scopes: scopes + [scope], used: &innerUsed, faults: &faults)
        for missing in Set(scope.keys).subtracting(innerUsed).sorted() {
          faults.add(Problem(name, "does not use '{{\(missing)}}' in '{{#\(section)}}'"))
        }
        used.formUnion(innerUsed.subtracting(scope.keys))
      }
    }
  }

  private func write(_ pieces: [Piece], scopes: [[String: Value]], into out: inout String) {
    for piece in pieces {
      switch piece {
      case .text(let text): out += text
      case .slot(let slot):
        if case .text(let text)? = scopes.reversed().lazy.compactMap({ $0[slot] }).first {
          out += text
        }
      case .section(let section, let inner):
        guard case .rows(_, _, let rows)? = scopes.reversed().lazy.compactMap({ $0[section] }).first
        else { continue }
        for row in rows { write(inner, scopes: scopes + [row], into: &out) }
      }
    }
  }
}
