import CanaryAdapters
import CanaryCore
import TestSupport

/// Why a transcript cannot be read.
struct TranscriptError: Error, CustomStringConvertible {
  let description: String
  init(_ text: String) { description = text }
}

/// A rollout as text: what happens, and what `decide` answers to it, step by step.
///
/// Blocks stand between empty lines. One that is all `#` tells the story; any other is a step: a line with a time and
/// plain words, perhaps lines that belong to it, `----`, and the answer.
struct Transcript {
  struct Block {
    var story: [String]
    /// Empty in a block that only tells the story.
    var command: [String]
    var answer: [String]
    /// Where it begins in the file.
    var line: Int

    fileprivate var text: String {
      let step = command.isEmpty ? [] : command + ["----"] + answer
      return (story + step).joined(separator: "\n")
    }
  }

  private(set) var blocks: [Block] = []

  var steps: [Block] { blocks.filter { !$0.command.isEmpty } }

  init(_ text: String) throws {
    var lines: [String] = []
    var number = 0
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) + [
      ""
    ] {
      number += 1
      if !line.isEmpty {
        lines.append(line)
      } else if !lines.isEmpty {
        blocks.append(try Self.block(lines, from: number - lines.count))
        lines = []
      }
    }
    guard blocks.first?.story.isEmpty == false else {
      throw TranscriptError("line 1 must say what happens, behind #")
    }
    guard !steps.isEmpty else { throw TranscriptError("the file has no step") }
  }

  private static func block(_ lines: [String], from line: Int) throws -> Block {
    let story = lines.prefix { $0.hasPrefix("#") }
    let step = lines.dropFirst(story.count)
    if step.isEmpty { return Block(story: Array(story), command: [], answer: [], line: line) }
    guard let mark = step.firstIndex(of: "----"), mark > step.startIndex else {
      throw TranscriptError("line \(line + story.count): a step has a command and a line ----")
    }
    return Block(
      story: Array(story), command: Array(step[..<mark]), answer: Array(step[(mark + 1)...]),
      line: line + story.count)
  }

  /// The whole file with the answers that the policy gives now.
  func rewritten() throws -> String {
    var world = TranscriptWorld()
    let texts = try blocks.map { block in
      var block = block
      if !block.command.isEmpty { block.answer = try world.answer(block) }
      return block.text
    }
    return texts.joined(separator: "\n\n") + "\n"
  }

  /// What differs between the answers of the file and those of the policy, each with its line.
  func differences() throws -> [String] {
    var world = TranscriptWorld()
    return try steps.compactMap { step in
      let answer = try world.answer(step)
      if answer == step.answer { return nil }
      let found = answer.joined(separator: "\n  ")
      return "line \(step.line): \(step.command[0])\n  \(found)"
    }
  }
}

/// The words of one command, taken one after the other; a word that is not understood is an error.
struct TranscriptWords {
  private let line: String
  private var rest: ArraySlice<Substring>

  init(_ line: String) {
    self.line = line
    rest = line.split(separator: " ")[...]
  }

  mutating func next() throws -> String {
    guard let word = rest.popFirst() else { throw TranscriptError("'\(line)' ends too early") }
    return String(word)
  }

  /// Takes exactly these words.
  mutating func take(_ words: String...) throws {
    for word in words {
      let found = try next()
      if found != word { throw unknown(found) }
    }
  }

  /// Takes the word if it comes next.
  mutating func takes(_ word: Substring) -> Bool {
    guard rest.first == word else { return false }
    rest.removeFirst()
    return true
  }

  /// All that is left, as one text.
  mutating func all() throws -> String {
    let text = rest.joined(separator: " ")
    rest = []
    return text.isEmpty ? try next() : text
  }

  mutating func number() throws -> Int {
    let word = try next()
    guard let number = Int(word) else { throw unknown(word) }
    return number
  }

  func end() throws {
    if let word = rest.first { throw unknown(String(word)) }
  }

  func unknown(_ word: String) -> TranscriptError {
    TranscriptError("unknown word '\(word)' in '\(line)'")
  }
}
