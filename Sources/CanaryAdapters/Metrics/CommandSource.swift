internal import CanaryCore

/// A program of the user's: exit 0 is yes; with a bound, the last word on standard output is the number to judge.
enum CommandSource {
  /// Blocks until the program ends or its time is up.
  static func run(_ words: [String], _ check: Check) -> Measurement.Reading {
    let ran: ProcessResult
    do throws(SpawnError) {
      ran = try Spawn.run(words, limit: check.timeout)
    } catch {
      return .failed(error.description)
    }
    let last = Text.sanitized(
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
