internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// The first step of a revert: needs the config, a folder and a running Nginx, and nothing else.
struct EmergencyBrake {
  let config: Config
  let service: Name
  let actor: Actor

  /// What came of it.
  struct Pulled {
    /// The flag file exists.
    var isOn = false
    /// Running workers said that they see it.
    var isSeen = false
    /// Where the brake sends traffic, as the generated file says.
    var pool: Name?
    /// The generated file gives the canary a share, whatever the store believes.
    var filesSendToCanary = false
    var warnings: [String] = []

    func sentence(stable: Name) -> String {
      isSeen
        ? "All new requests go to \(pool ?? stable) by the brake."
        : isOn
          ? "The brake is on, but no worker of Nginx confirms that it sees it."
          : "The brake could not be put on."
    }
  }

  /// Tries the brake while it changes nothing, because it leads to where all traffic goes anyway.
  ///
  /// Nil when running workers see it, or when it cannot be tried now; else why it would not work.
  func trial() -> String? {
    let path = config.mainFile(of: service)
    guard let routing = ((try? Files.read(path)) ?? nil).flatMap(FileFacts.init)?.routing,
      routing.brake == routing.stable, routing.isClean
    else { return nil }
    let flag = config.brake(of: service)
    do throws(FileError) {
      try Brake.put(
        flag, BrakeNote(by: .driver, actor: "canary", reason: "trial", time: SystemClock.now))
      defer { try? Brake.lift(flag) }
      return seen()
    } catch {
      return error.description
    }
  }

  /// Nil when workers say that they see the flag; twice, because each answer is one worker's.
  private func seen() -> String? {
    do throws(Probe.Silence) {
      let probe = config.probe(service)
      let first = try probe.ask(service)
      let second = try probe.ask(service)
      if first.braked && second.braked { return nil }
      return
        "Nginx does not see the brake file \(config.brake(of: service)); is `run` the same folder for Nginx, and open to its workers?"
    } catch {
      return error.sentence(socket: config.probeSocket(of: service), service: service)
    }
  }

  /// Whether a brake that leads to the pool before the last promotion leads where a revert would.
  ///
  /// Not once that pool is no longer kept, and not while a new rollout waits for its canary to be up.
  private func leadsBack(_ routing: Routing) async -> Bool {
    if let until = routing.brakeUntil, SystemClock.now >= until { return false }
    let store = SQLiteStore(folder: config.state, patience: .seconds(0.3))
    let state = (try? await store.peek(service)) ?? nil
    if case .starting? = state?.running?.phase { return false }
    return true
  }

  /// Puts the flag up and asks running workers whether they see it.
  func pull(reason: String?) async -> Pulled {
    var pulled = Pulled()
    let path = config.mainFile(of: service)
    let facts = ((try? Files.read(path)) ?? nil).flatMap(FileFacts.init)
    pulled.pool = facts?.routing?.brake
    pulled.filesSendToCanary = facts?.routing?.isClean == false
    if let routing = facts?.routing, routing.brake != routing.stable, await !leadsBack(routing) {
      return pulled
    }
    let note = BrakeNote(
      by: .person, actor: actor.description, reason: reason, time: SystemClock.now)
    do throws(FileError) {
      try Brake.put(config.brake(of: service), note)
      pulled.isOn = true
    } catch {
      pulled.warnings.append("\(error)")
      return pulled
    }
    if let fault = seen() { pulled.warnings.append(fault) } else { pulled.isSeen = true }
    return pulled
  }
}
