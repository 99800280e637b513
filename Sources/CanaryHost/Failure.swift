package import CanaryCore
package import CanaryDriver

/// The exit codes, as the contract with release scripts fixes them.
package enum ExitCode: Int32, Sendable {
  case done = 0
  case outside = 1
  case wrong = 2
  case gateFailed = 3
  case stopped = 4
  case busy = 5
  case timedOut = 6
}

/// Why a command ends without success: the fault for the person, the exit code for the shell.
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

  /// The failure of a store that cannot be used; always exit 1.
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
  /// The exit code of a `promote` whose rollout was reverted for this reason.
  package var exitCode: ExitCode {
    switch kind {
    case .gate: .gateFailed
    case .person: .stopped
    case .outside: .outside
    }
  }
}
