package import CanaryCore
package import CanaryDriver

/// Runs `nginx -t` on what would be installed, without touching what is.
package enum NginxDryRun {
  package enum Outcome: Hashable, Sendable {
    case good
    case bad(String)
    /// The test could not be made, and why.
    case untried(String)
  }

  /// A service, and what it may come to.
  package struct Trial: Sendable {
    let service: ServiceName
    let resting: Routing
    let stages: [Routing]

    package init(service: ServiceName, resting: Routing, stages: [Routing]) {
      self.service = service
      self.resting = resting
      self.stages = stages
    }
  }

  package struct Report: Sendable {
    /// What would be installed now.
    package var resting: Outcome
    /// Every stage of every service, all in one configuration.
    package var stages: Outcome
    /// Why it was tried in a configuration of canary's own; nil when it was in your tree.
    package var apart: String?
  }

  /// Runs your own test command on what is installed now.
  package static func installed(_ config: Config) -> Outcome {
    run(config.nginx.test, limit: .minutes(3), config)
  }

  /// Whether `nginx.test` is an Nginx on this host.
  package static func runsHere(_ config: Config) -> Bool {
    Files.name(of: config.nginx.test[0]) == "nginx"
  }

  /// Tests the generated files of these services inside a copy of your tree: once as they would be
  /// installed, and once for all stages together.
  ///
  /// Only where `nginx.test` is an Nginx on this host; otherwise the outcomes are `untried`.
  package static func generated(
    _ config: Config, _ renderer: any Renderer, _ services: [Trial]
  ) -> Report {
    let program = config.nginx.test[0]
    guard runsHere(config) else {
      return untried("nginx.test is '\(program)', so Nginx does not run on this host itself")
    }
    guard let folder = ScratchFolder.make() else { return untried("no scratch folder in /tmp") }
    defer { ScratchFolder.remove(folder) }
    do {
      var scene = try DryRunScene(config, renderer, folder, services.map(\.service))
      try scene.write(services.map { ($0.service, $0.resting) })
      let resting = judge(scene, config)
      var shapes = StageShapes()
      for trial in services {
        if let service = config.service(trial.service) { shapes.add(service, trial.stages) }
      }
      shapes.end()
      try scene.write(shapes.chosen, standIns: shapes.others)
      return Report(resting: resting, stages: judge(scene, config), apart: scene.apart)
    } catch {
      let why = Outcome.bad("\((error as? RouterError)?.text ?? "\(error)")")
      return Report(resting: why, stages: why, apart: nil)
    }
  }

  private static func untried(_ why: String) -> Report {
    Report(resting: .untried(why), stages: .untried(why), apart: nil)
  }

  private static func judge(_ scene: DryRunScene, _ config: Config) -> Outcome {
    switch run(scene.command, limit: .minutes(3), config) {
    case .bad(let why): .bad(scene.original(why))
    case let outcome: outcome
    }
  }

  private static func run(_ words: [String], limit: Span, _ config: Config) -> Outcome {
    let pipe = UnreadPipe(config)
    do throws(SpawnError) {
      let ran = try Spawn.run(
        words, limit: limit, keepsRights: true, inherits: .usual(and: config.environment),
        isUnwanted: pipe.isStuck)
      if ran.succeeded { return .good }
      if let fault = pipe.fault { return .bad(fault) }
      if ran.end == .late { return .bad("\(words.joined(separator: " ")) did not end in \(limit)") }
      let told = NginxOutput.faults(in: ran.output)
      return .bad(told.isEmpty ? "\(words.joined(separator: " ")) failed" : told)
    } catch {
      return .bad(
        "\(error.description). Is Nginx installed here? Else set nginx.test and nginx.reload")
    }
  }
}
