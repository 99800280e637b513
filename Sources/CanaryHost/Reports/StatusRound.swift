package import CanaryCore
internal import CanaryDriver
internal import Synchronization

/// What is seen once for the status of many services: their states, and the workers of their Nginx.
package struct StatusRound: Sendable {
  private let states: [ServiceName: ServiceState]
  private let freeze: Freeze?
  /// What `NginxReport` says of the workers.
  let nginx: [String]
  private let silence = Silence()

  /// The reports of many services, in their order.
  package static func reports(
    _ world: World, _ services: [Service]
  ) async throws(Failure) -> [StatusReport] {
    let round = try await StatusRound(world, services)
    let size = max(64, (services.count + 7) / 8)
    let parts = stride(from: 0, to: services.count, by: size).map {
      services[$0..<min($0 + size, services.count)]
    }
    typealias Part = Result<[StatusReport], Failure>
    let results: [Int: Part] = await withTaskGroup(of: (Int, Part).self) { group in
      for (index, part) in parts.enumerated() {
        group.addTask { (index, await round.reports(world, part)) }
      }
      var results: [Int: Part] = [:]
      for await (index, part) in group { results[index] = part }
      return results
    }
    var reports: [StatusReport] = []
    for index in parts.indices { reports += try results[index]?.get() ?? [] }
    return reports
  }

  private init(_ world: World, _ services: [Service]) async throws(Failure) {
    do throws(StoreError) {
      states = try await world.states.peekAll()
      freeze = try await world.states.freezeOfAll()
    } catch {
      throw Failure(error)
    }
    let shared = services.first { $0.proxying.scheme != .tcp }
    if let shared {
      let seen = await world.router.observe(shared.name, .workers)
      nginx = NginxReport.workers(world, seen.workers)
    } else {
      nginx = []
    }
  }

  private func reports(
    _ world: World, _ services: ArraySlice<Service>
  ) async -> Result<[StatusReport], Failure> {
    do throws(Failure) {
      var reports: [StatusReport] = []
      for service in services {
        reports.append(try await StatusReport(world, service, round: self))
      }
      return .success(reports)
    } catch {
      return .failure(error)
    }
  }

  /// Whether workers were waited for in vain so long that no further service is asked for.
  var isSilent: Bool { silence.waited.withLock { $0 > Silence.patience } }

  /// What a service that was not asked for has instead of shares.
  static let unasked = Fault("not asked, because Nginx did not answer for the services before it")

  func note(_ served: Result<ServedShares, Fault>, took: Span) {
    if case .failure = served { silence.waited.withLock { $0 = $0 + took } }
  }

  /// How long workers were waited for in vain.
  private final class Silence: Sendable {
    static let patience = Span.seconds(2)
    let waited = Mutex(Span.zero)
  }

  /// The state as saved; the first state of a service that was never saved.
  func state(of service: Service, _ world: World) async -> ServiceState {
    if let state = states[service.name] { return state }
    var state = await world.first(service)
    state.freeze = freeze
    return state
  }
}
