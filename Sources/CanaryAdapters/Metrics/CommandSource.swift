internal import CanaryCore

/// Your own program as a check.
///
/// Exit 0 passes. With a bound, the last word of its output is the number to judge, and any other
/// exit is an error of the source.
enum CommandSource {
  /// One measurement; blocks until the program ends or the check's timeout is over.
  ///
  /// It gets the `variables` of the environment beside the usual ones; `secrets` hides their values.
  static func run(
    _ words: [String], _ check: Check, variables: [String], _ secrets: Secrets
  ) -> Measurement.Reading {
    let ran: ProcessResult
    do throws(SpawnError) {
      ran = try Spawn.run(words, limit: check.timeout, inherits: .usual(and: variables))
    } catch {
      return .failed(error.description)
    }
    let last = secrets.excerpt(
      ran.output.split(whereSeparator: \.isNewline).last.map(String.init) ?? "", limit: 200)
    switch ran.end {
    case .late: return .failed("\(words[0]) did not end within \(check.timeout)")
    case .signal(let number): return .failed("\(words[0]) was ended by signal \(number)")
    case .exit(let code):
      guard check.condition.hasBound else {
        return .answer(code == 0, "exit \(code)" + (last.isEmpty ? "" : ": \(last)"))
      }
      guard code == 0 else {
        return .failed("\(words[0]) exited with \(code)" + (last.isEmpty ? "" : ": \(last)"))
      }
      guard let number = last.split(separator: " ").last.flatMap({ Double($0) }) else {
        return .failed("\(words[0]) printed no number" + (last.isEmpty ? "" : ": \(last)"))
      }
      return .value(number, requests: nil)
    }
  }
}
