package import CanaryCore

/// A right that one process has at a time; it ends with this value, or with the process.
package protocol Lease: Sendable {
  /// Whether others who ask for the right still meet this lease.
  ///
  /// False once its place was removed or replaced: then another process may get the same right.
  var isInPlace: Bool { get }
}

/// Why a lease could not be asked for at all.
package struct LeaseError: Error, Hashable, Sendable {
  package let fault: Fault
  package init(_ fault: Fault) { self.fault = fault }
}

/// Grants the rights of a host, each to one process at a time.
package protocol Leases: Sendable {
  /// The lease; nil when another process still has it at the end of `patience`.
  ///
  /// The wait is never shorter than the moment for which `holder` touches the right. With `marked`,
  /// this process is named as the last one that had it.
  func acquire(_ right: LeaseRight, patience: Span, marked: Bool) throws(LeaseError) -> (any Lease)?
  /// The pid of the process that has the right now; 0 when it is not known, nil when no process has it.
  func holder(_ right: LeaseRight) -> Int32?
  /// The pid of the process that had it last, whether it still lives or not.
  func lastHolder(_ right: LeaseRight) -> Int32?
}

extension Leases {
  package func acquire(_ right: LeaseRight, patience: Span = .zero) throws(LeaseError)
    -> (any Lease)?
  {
    try acquire(right, patience: patience, marked: true)
  }
}
