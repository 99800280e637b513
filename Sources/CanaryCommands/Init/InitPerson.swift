internal import CanaryAdapters
internal import CanaryCore
internal import CanaryHost

/// Who runs `init`: asked on the terminal, and asked again after an answer that cannot be used.
struct InitPerson {
  let output: Output

  /// How often one question is asked.
  private static let patience = 5

  /// What `read` makes of the answer; throws, naming the option to use, where there is no terminal.
  func ask<Value>(
    _ question: String, else option: String, _ read: (String) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    guard ThisProcess.isTerminal(0), output.errIsTerminal else {
      throw Failure(.wrong, "say it with \(option); nothing was written")
    }
    for left in (0..<Self.patience).reversed() {
      output.err(question)
      guard let line = readLine()?.spaceless else {
        throw Failure(.wrong, "no answer, so nothing was written")
      }
      do throws(Failure) {
        return try read(line)
      } catch {
        guard left > 0 else { throw error }
        output.err("  \(error.fault.fact). Once more, or Ctrl-C:")
      }
    }
    throw Failure(.wrong, "no answer, so nothing was written")
  }
}
