/// What is to be done, once the state it belongs to is saved.
package enum Effect: Hashable, Sendable {
  /// Put the brake on; `why` is written into the flag file.
  case brake(String)
  indirect case apply(Routing, Generation)
  /// Lift the brake; only after Nginx answered with a configuration that needs none.
  case release
  /// Ask every server of the pool once.
  indirect case look(pool: PoolName, Readiness, rollout: Int)
  /// Measure these checks.
  indirect case measure([Check], StageContext)
  case wake(Instant)
  /// Ask these checks once, before anything else.
  case preflight([Check], pool: PoolName, rollout: Int)
  /// Run the hook, unless it runs or has run.
  indirect case run(Job)
  /// End these hooks if they run: nobody waits for them any more.
  case end([Int])
}

/// Why a request was not taken; nothing was touched.
package enum Refusal: Error, Hashable, Sendable {
  /// A rollout is running.
  case busy(String)
  /// What was asked makes no sense now.
  case wrong(String)
  /// There is nothing to do, and that is fine.
  case nothing(String)
}

/// The answer of the policy to one event.
package struct Decision: Hashable, Sendable {
  package var state: ServiceState
  package var effects: [Effect] = []
  package var entries: [Entry] = []
  package var kept: [KeptMeasurement] = []
  package var refusal: Refusal?

  package init(_ state: ServiceState) { self.state = state }
}
