import FoundationEssentials
import TestSupport
import Testing

/// `docs/architecture.md` against the tree: a walk that leads to a room that is gone leads nowhere.
@Suite struct ArchitectureTests {
  private struct Step {
    let walk: Substring
    let file: String
    let name: Substring
  }

  /// The rows of the walks: `room` `name`, under the heading of their walk.
  private static func steps() throws -> [Step] {
    let text = try #require(HouseTests.read("docs/architecture.md"))
    let start = try #require(text.firstRange(of: "## Four walks"))
    let end = text[start.upperBound...].firstRange(of: "\n## ")?.lowerBound ?? text.endIndex
    var walk: Substring = ""
    return text[start.upperBound..<end].split(separator: "\n").compactMap { line in
      if line.hasPrefix("### ") { walk = line.dropFirst(4) }
      let words = line.split(separator: "`", omittingEmptySubsequences: false)
      guard line.hasPrefix("| `"), words.count >= 5 else { return nil }
      let file = words[1].hasPrefix("nginx-templates/") ? "\(words[1])" : "Sources/\(words[1])"
      return Step(walk: walk, file: file, name: words[3])
    }
  }

  @Test func `every room of the walks is there, and has what is said to be in it`() throws {
    let steps = try Self.steps()
    #expect(Set(steps.map(\.walk)).count == 4 && steps.count > 30)
    for step in steps {
      let text = HouseTests.read(step.file) ?? ""
      #expect(!text.isEmpty, "\(step.walk): there is no \(step.file)")
      let words = text.split { !($0.isLetter || $0.isNumber || $0 == "_") }
      #expect(words.contains(step.name), "\(step.walk): \(step.file) has no \(step.name)")
    }
  }
}
