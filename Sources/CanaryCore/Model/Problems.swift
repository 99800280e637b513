/// One fault of a config or template: its path, the value found there, and the rule that the value
/// breaks.
package struct Problem: Hashable, Sendable, CustomStringConvertible {
  package let path: String
  package let found: String?
  package let rule: String
  /// The line in the file, from 1; nil when it is not known.
  package var line: Int?

  package init(_ path: String, found: String? = nil, _ rule: String) {
    self.path = path
    self.found = found
    self.rule = rule
  }

  package var description: String {
    let place = (line.map { "line \($0): " } ?? "") + (path.isEmpty ? "config" : path)
    guard let found else { return "\(place) \(rule)" }
    return "\(place) \(rule) (found \(Text.sanitized(found)))"
  }
}

/// All faults of one input, in the order in which they were found; thrown together, so that one run
/// shows them all.
package struct Problems: Error, Hashable, Sendable, CustomStringConvertible {
  package private(set) var list: [Problem] = []

  package init(_ list: [Problem] = []) { self.list = list }
  package mutating func add(_ problem: Problem) { list.append(problem) }

  /// Returns the same faults, each with the line of its path.
  package func placed(_ lines: PathLines) -> Problems {
    Problems(
      list.map { problem in
        var problem = problem
        problem.line = lines[problem.path]
        return problem
      })
  }
  package var isEmpty: Bool { list.isEmpty }
  package var description: String { list.map(\.description).joined(separator: "\n") }
}
