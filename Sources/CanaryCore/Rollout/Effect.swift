/// An action for the driver, carried out once the state that it belongs to is saved.
package enum Effect: Hashable, Sendable {
  /// Puts the brake on, which leads to the pool; the text is written into the flag as the reason.
  case brake(String, to: PoolName)
  /// Makes Nginx serve the routing; answered by `applied`, `applyFailed` or `overtaken`.
  indirect case apply(Routing, Generation)
  /// From now on a brake leads to stable, and not to the pool before the last promotion.
  case forgetFormer
  /// Lifts the brake; only issued after Nginx has answered with a configuration that needs none.
  case release
  /// Probes every server of the pool once; answered by `looked`.
  indirect case look(pool: PoolName, Readiness, rollout: Int)
  /// Measures these checks; answered by `measured`.
  indirect case measure([Check], StageContext)
  /// Sends `woke` at this instant.
  case wake(Instant)
  /// Measures these checks once, before the first stage; answered by `preflighted`.
  case preflight([Check], pool: PoolName, rollout: Int)
  /// Runs the hook, unless it is running or has run; answered by `ran`.
  indirect case run(Job)
  /// Stops these hooks if they are running: no rollout waits for them any more.
  case end([Int])
}

/// Why a request was refused; a refused request changes nothing.
package enum Refusal: Error, Hashable, Sendable {
  /// A rollout is running or scheduled, or growth is blocked: the request may succeed later.
  case busy(String)
  /// The request does not fit the current state.
  case wrong(String)
  /// There is nothing to do, which is no failure.
  case nothing(String)
}

/// What the policy decided on one event: the next state, and what to save and to do with it.
package struct Decision: Hashable, Sendable {
  package var state: ServiceState
  package var effects: [Effect] = []
  package var entries: [Entry] = []
  /// Measurements for the history, saved together with the state.
  package var kept: [KeptMeasurement] = []
  /// Why the event was refused; the state is then unchanged, and nothing is to be done.
  package var refusal: Refusal?

  package init(_ state: ServiceState) { self.state = state }
}
