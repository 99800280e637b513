package import CanaryCore
internal import CanaryDriver
internal import Synchronization

/// What is seen once for the status of many services: their states, and the workers of their Nginx.
package struct StatusRound: Sendable {
  private let states: [ServiceName: ServiceState]
  /// What `NginxReport` says of the workers.
  let nginx: [String]
  /// What one worker does with the requests of each service at rest.
  let resting: [ServiceName: ServedShares]
  private let silence = Silence()

  private typealias Part = (reports: [StatusReport], faults: [Failure])

  /// The reports of many services, in their order, and what is wrong with those that have none:
  /// one service hides no other.
  package static func reports(
    _ world: World, _ services: [Service]
  ) async throws(Failure) -> (reports: [StatusReport], faults: [Failure]) {
    let round = try await StatusRound(world, services)
    let size = max(64, (services.count + 7) / 8)
    let parts = stride(from: 0, to: services.count, by: size).map {
      services[$0..<min($0 + size, services.count)]
    }
    let results: [Int: Part] = await withTaskGroup(of: (Int, Part).self) { group in
      for (index, part) in parts.enumerated() {
        group.addTask { (index, await round.reports(world, part)) }
      }
      var results: [Int: Part] = [:]
      for await (index, part) in group { results[index] = part }
      return results
    }
    let inOrder = parts.indices.compactMap { results[$0] }
    return (inOrder.flatMap(\.reports), inOrder.flatMap(\.faults))
  }

  private init(_ world: World, _ services: [Service]) async throws(Failure) {
    do throws(StoreError) {
      states = try await world.states.peekAll()
    } catch {
      throw Failure(error)
    }
    resting = await world.router.resting(services.map(\.name))
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
  ) async -> Part {
    var part: Part = ([], [])
    for service in services {
      do throws(Failure) {
        part.reports.append(try await StatusReport(world, service, round: self))
      } catch {
        part.faults.append(error)
      }
    }
    return part
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

  /// The state as saved; nil: never saved, or it cannot be read.
  func state(of service: ServiceName) -> ServiceState? { states[service] }
}
