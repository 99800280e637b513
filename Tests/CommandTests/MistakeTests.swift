import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// What the program says to the mistakes that people make: what happened, why, and what to type.
@Suite(.blocking) struct MistakeTests {
  @Test(arguments: Mistake.written)
  func `a mistake in words or config is told with its cause and its cure`(_ mistake: Mistake) throws
  {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.writeConfig()
    try expect(mistake, in: sandbox)
  }

  @Test(arguments: Mistake.live)
  func `a mistake on the host is told with its cause and its cure`(_ mistake: Mistake) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(plan: Mistake.plan)
    try expect(mistake, in: sandbox)
  }

  /// Each heading of the page quotes a text that one of the tests above sees the program print.
  @Test func `the page on troubles is made of mistakes that are tried, in both languages`() throws {
    let known = Mistake.written + Mistake.live
    let quoted = { (file: String) throws -> [String] in
      let text = try #require(try Files.read("\(Docs.root)/docs/\(file)"))
      return text.matches(of: /(?m)^### `(.+)`$/).map { String($0.output.1) }
    }
    let headings = try quoted("troubleshooting.md")
    #expect(headings.count >= 20)
    for heading in headings {
      #expect(
        known.contains { ([$0.symptom] + $0.says).contains { $0.contains(heading) } }, "\(heading)")
    }
    #expect(try quoted("troubleshooting.zh-CN.md") == headings)
  }

  private func expect(_ mistake: Mistake, in sandbox: Sandbox) throws {
    let said = try mistake.make(sandbox)
    #expect(said.code == mistake.code, "\(said.text)")
    for words in [mistake.symptom] + mistake.says {
      #expect(said.text.contains(words), "\(words)\nin: \(said.text)")
    }
    #expect(!said.text.contains("Fatal error"))
    // No reader wants the milliseconds of a minute.
    #expect(!said.text.contains(/\d\ds\d+ms/), "\(said.text)")
  }
}
