/// Why a rollout cannot begin yet.
package enum Unready: Hashable, Sendable {
  /// A server of the canary's pool does not answer as it should.
  case pool(String)
  /// A standing guard does not pass.
  case guarded(CheckName, String)
  /// The gates would not see every failure.
  case blind(String)

  /// The fact, without how long it has been so.
  package var text: String {
    switch self {
    case .pool(let text): text
    case .guarded(let name, let text): "guard \(name) does not pass: \(text)"
    case .blind(let text): "the gates would not see every failure: \(text)"
    }
  }
}
