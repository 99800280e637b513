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

  /// Puts the flag up and asks running workers whether they see it.
  func pull(reason: String?) -> Pulled {
    var pulled = Pulled()
    let path = "\(config.nginx.include)/\(service).conf"
    let facts = ((try? Files.read(path)) ?? nil).flatMap(FileFacts.init)
    pulled.pool = facts?.routing?.brake
    pulled.filesSendToCanary = (facts?.routing?.weight ?? .none) > .none
    if let routing = facts?.routing, routing.brake != routing.stable,
      let until = routing.brakeUntil,
      SystemClock.now >= until
    {
      // The pool before the last promotion is no longer kept: a brake would send traffic to where nothing may be.
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
    do throws(Probe.Silence) {
      let probe = Probe(socket: config.probeSocket)
      // Twice, because each answer is one worker's.
      let first = try probe.ask(service)
      let second = try probe.ask(service)
      pulled.isSeen = first.braked && second.braked
      if !pulled.isSeen {
        pulled.warnings.append(
          "Nginx does not see the brake file \(config.brake(of: service)); is `run` the same folder for Nginx?"
        )
      }
    } catch {
      pulled.warnings.append("\(error.sentence(socket: config.probeSocket, service: service))")
    }
    return pulled
  }
}
