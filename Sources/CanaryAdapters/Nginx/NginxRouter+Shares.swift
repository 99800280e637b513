package import CanaryCore
package import CanaryDriver

// What a running worker does with requests, asked at the time of a command.
extension NginxRouter {
  /// How long a worker that hangs may keep a command that only looks.
  private static let patience = Span.seconds(1)

  /// Over as few connections as it takes: one for each of ten thousand services takes seconds.
  package func resting(_ services: [ServiceName]) async -> [ServiceName: ServedShares] {
    let shared = services.filter { config.probeSocket(of: $0) == config.run.probe }
    return await Blocking.run {
      ProbeRound(socket: config.run.probe).answers(shared).compactMapValues { answer in
        guard let base = answer.base, !answer.looksForSet else { return nil }
        return .seats(base: base, other: nil, [])
      }
    }
  }

  /// Asks one worker, and believes of the set only what that worker sees.
  ///
  /// The set may change while it is looked at, and a container may have another folder `run`.
  func shares(_ service: ServiceName) -> Result<ServedShares, Fault> {
    let probe = config.probe(service)
    let sets = SeatSets(config.run, service)
    let start = SystemClock.uptime
    var pair = header(service)?.routing.map { ($0.stable, $0.canary ?? $0.stable) }
    do throws(WorkerProbe.NoAnswer) {
      for _ in 0..<4 {
        let here: SeatSets.Content = pair.map { sets.content($0.0, $0.1) } ?? (nil, [])
        let name = here.generation.map { "g\($0)" } ?? "0"
        let left = max(.seconds(0.1), Self.patience - (SystemClock.uptime - start))
        let answer = try probe.query(service, asking: name, limit: left)
        guard let base = answer.base else {
          let stays = Brake.stays(config.run, service)
          return .success(.text(answer.generation, isBraked: answer.braked, stays: stays))
        }
        guard let other = answer.other else {
          return .success(.seats(base: base, other: nil, []))
        }
        guard let known = pair, known == (base, other) else {
          pair = (base, other)
          continue
        }
        if here.generation != nil, answer.isMet {
          return .success(.seats(base: base, other: other, here.seats))
        }
        // Whatever this side sees: where no worker sees a seat, everybody meets the base.
        if try isEmpty(service, probe), sets.content(base, other).generation == here.generation {
          return .success(.seats(base: base, other: other, []))
        }
      }
    } catch {
      return .failure(config.fault(error, service))
    }
    return .failure(config.unseenSet(service))
  }

  /// Whether a worker sees none of the seats that are in every set of a stage, or of a brake.
  private func isEmpty(_ service: ServiceName, _ probe: WorkerProbe) throws(WorkerProbe.NoAnswer)
    -> Bool
  {
    for seat in ["0", "o1.0", Seating.preview, Seating.everybody] {
      if try probe.query(service, asking: seat).isMet { return false }
    }
    return true
  }
}

extension Config {
  /// Why workers do not see the set that this side has.
  package func unseenSet(_ service: ServiceName) -> Fault {
    let seats = run.seats(service)
    if let closed = Files.closedSet(in: seats) {
      return Fault(
        "the workers of Nginx do not see the set of seats: \(closed) is closed to them, so everybody meets stable",
        hint: "chmod o+x \(closed)")
    }
    return Fault(
      "the workers of Nginx do not see the set of seats that \(seats) has",
      hint:
        "`run` must be the same folder for Nginx, and open to its workers; a container must have the folder \(run) itself"
    )
  }
}
