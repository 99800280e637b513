/// Why a rollout was reverted; the kind decides the exit status.
package struct Reason: Hashable, Sendable, Codable {
  package enum Kind: String, Hashable, Sendable, Codable {
    /// A check, a guard or the pool's readiness failed, or a stage or an approval ran out of time.
    case gate
    /// A person, or a signal to the driver.
    case person
    /// Nginx, the disk, a server or a hook failed, or growth was blocked in between.
    case outside
  }
  package var kind: Kind
  package var text: String
  /// What you can do about it; nil: nothing.
  package var hint: String?

  package init(_ kind: Kind, _ text: String, hint: String? = nil) {
    self.kind = kind
    self.text = text
    self.hint = hint
  }
}
