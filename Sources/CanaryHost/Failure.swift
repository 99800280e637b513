package import CanaryCore
package import CanaryDriver

/// What the shell gets back; the contract with every release script.
package enum ExitCode: Int32, Sendable {
  case done = 0
  case outside = 1
  case wrong = 2
  case gateFailed = 3
  case stopped = 4
  case busy = 5
  case timedOut = 6
}

/// The end of a piece of work that did not succeed: what to tell the person, and what the shell gets.
package struct Failure: Error {
  package let code: ExitCode
  package let fault: Fault

  package init(_ code: ExitCode, _ fault: Fault) {
    self.code = code
    self.fault = fault
  }

  package init(_ code: ExitCode, _ fact: String, hint: String? = nil) {
    self.init(code, Fault(fact, hint: hint))
  }

  /// A store that cannot be used.
  package init(_ error: StoreError) {
    switch error {
    case .conflict:
      self.init(.outside, "the state changes faster than it can be saved", hint: "Try again")
    case .unavailable(let fault): self.init(.outside, fault)
    }
  }

  /// The fact and the hint on one line.
  package var text: String { fault.description }
}

extension Reason {
  /// What a release script is told of a rollout that was reverted.
  package var exitCode: ExitCode {
    switch kind {
    case .gate: .gateFailed
    case .person: .stopped
    case .outside: .outside
    }
  }
}
