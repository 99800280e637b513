import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// Whole rollouts as text, in `transcripts`: the first thing to read about the policy.
///
/// `REWRITE=1` writes the answers that the policy gives now into the files.
struct TranscriptTests {
  private static let folder = "\(HouseTests.root)/Tests/CoreTests/transcripts"
  static let names = [
    "good-rollout", "gate-fails-in-stage-2", "approval", "revert-by-a-person",
    "killed-and-taken-over",
  ]

  @Test(arguments: names) func `a rollout goes as its transcript says`(name: String) throws {
    let path = "\(Self.folder)/\(name).txt"
    let text = try #require(try Files.read(path))
    let transcript = try Transcript(text)
    if getenv("REWRITE") != nil {
      try Files.replace(path, with: transcript.rewritten())
      return
    }
    let differences = try transcript.differences()
    #expect(differences.isEmpty, "\(name).txt: \(differences.joined(separator: "\n"))")
    #expect(try transcript.rewritten() == text, "\(name).txt is not laid out as REWRITE=1 does")
  }

  @Test func `every transcript is read`() throws {
    let ran = try Spawn.run(["ls", Self.folder], limit: .seconds(20))
    let files = ran.output.split(separator: "\n").map(String.init)
    #expect(files == Self.names.sorted().map { "\($0).txt" })
  }

  @Test(arguments: [
    ("", "must say what happens"), ("# It ends well.\n", "has no step"),
    ("t=0s woke\n----\n", "must say what happens"), ("# A.\n\nt=0s woke\n", "a line ----"),
    ("# A.\n\nt=0s slept\n----\n", "line 3: unknown word 'slept'"),
    ("# A.\n\nt=0s woke up\n----\n", "unknown word 'up'"),
    ("# A.\n\nt=0 woke\n----\n", "'t=0' is no time"), ("# A.\n\nt=0s applied\n----\n", "too early"),
    ("# A.\n\nt=0s revert by someone\n----\n", "unknown word 'someone'"),
    ("# A.\n\nt=0s measured errors 1% of 3\n----\n", "unknown word 'errors'"),
    ("# A.\n\nt=2s woke\n----\n\nt=1s woke\n----\n", "line 6: t=1s is before the last step"),
  ])
  func `what a transcript cannot mean is an error`(text: String, says: String) {
    let error = #expect(throws: TranscriptError.self) { _ = try Transcript(text).rewritten() }
    #expect(error?.description.contains(says) == true, "\(error?.description ?? "nothing")")
  }

  @Test func `an answer that differs is told with its line`() throws {
    let text = "# Nothing happens.\n\nt=0s woke\n----\nidle: asleep\n"
    let found = try Transcript(text).differences()
    #expect(found == ["line 3: t=0s woke\n  idle: no rollout yet; all traffic is on blue"])
  }
}
