extension ServiceState {
  /// What the pool runs, as far as a `promote` said so; nil: none did.
  package func release(of pool: PoolName) -> String? {
    // A rollout of before any was kept has its own.
    rollout?.to == pool ? rollout?.release : releases[pool]
  }

  /// The pool with what it runs, as in `green (v1.3)`.
  package func named(_ pool: PoolName) -> String {
    release(of: pool).map { "\(pool) (\(Text.sanitized($0, limit: 40)))" } ?? pool.text
  }
}
