internal import CanaryCore
internal import CanaryDriver
struct H { func quantile(_ q: Double) -> Double? { nil } }
struct PC { var requests = 0; var failures = 0; var latency = H() }
actor Evidence {
  init(service: Service, log: String, store: SQLiteStore) {}
  func counts(pool: Name, from: Instant, to: Instant) async throws(StoreError) -> PC { PC() }
}
