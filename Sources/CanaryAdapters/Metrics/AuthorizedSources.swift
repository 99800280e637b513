package import CanaryCore
package import CanaryDriver

/// Measures the checks of a stored rollout by what the config says of them, and not by what the
/// store does.
///
/// What the config has no more is an error of its source, which holds the stage.
package struct AuthorizedSources: MetricSource {
  private let config: Config
  private let sources: any MetricSource
  private let clock: any WallClock

  package init(_ sources: any MetricSource, config: Config, clock: any WallClock) {
    self.sources = sources
    self.config = config
    self.clock = clock
  }

  package func measure(_ checks: [Check], _ service: ServiceName, _ context: StageContext) async
    -> [Measurement]
  {
    var known: [Check] = []
    var refused: [Measurement] = []
    for check in checks {
      do throws(Violation) {
        known.append(
          try config.authorized(
            check, of: service, plan: context.plan.name, stage: context.stage))
      } catch {
        refused.append(
          Measurement(check: check.name, at: clock.now(), reading: .failed(error.description)))
      }
    }
    return known.isEmpty ? refused : await sources.measure(known, service, context) + refused
  }

  package func checkReadiness(_ service: ServiceName, pool: PoolName, _ readiness: Readiness) async
    -> Unready?
  {
    if let path = readiness.path, !Address.isRequestPath(path) {
      return .pool("'\(Text.sanitized(path, limit: 100))' is no path that could be asked")
    }
    var readiness = readiness
    do throws(Violation) {
      var guards: [Check] = []
      for check in readiness.guards { guards.append(try config.authorized(check, of: service)) }
      readiness.guards = guards
    } catch {
      return .pool(error.description)
    }
    return await sources.checkReadiness(service, pool: pool, readiness)
  }

  package func silence(of service: ServiceName, pool: PoolName) async -> String? {
    await sources.silence(of: service, pool: pool)
  }

  package func settle(_ service: ServiceName) async { await sources.settle(service) }

  package func measureOnce(_ checks: [Check], _ service: ServiceName, pool: PoolName) async
    -> [CheckState]
  {
    var states: [CheckState] = []
    var known: [Check] = []
    for check in checks {
      do throws(Violation) {
        known.append(try config.authorized(check, of: service))
      } catch {
        let reading = Measurement.Reading.failed(error.description)
        states.append(
          Judge.fold(
            CheckState(check), check,
            Measurement(check: check.name, at: clock.now(), reading: reading)))
      }
    }
    return states + (await sources.measureOnce(known, service, pool: pool))
  }

  package func measureAlone(_ check: Check, _ service: ServiceName, pool: PoolName) async
    -> Measurement
  {
    do throws(Violation) {
      let check = try config.authorized(check, of: service)
      return await sources.measureAlone(check, service, pool: pool)
    } catch {
      return Measurement(check: check.name, at: clock.now(), reading: .failed(error.description))
    }
  }
}
