internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// `canary render`: prints the Nginx configuration for a weight; touches nothing.
enum RenderCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "render", service: .required,
      summary: "print the Nginx configuration for a canary weight; touches nothing",
      options: [
        Option("--weight", "PERCENT", "the canary's share, 0 to 100; else 0"),
        Option("--location", nil, "print only what belongs in a server {} of your own"),
      ])
  ) { arguments, output throws(Failure) in
    let world = try World(arguments, output: output)
    let service = try world.service(arguments)
    var weight = Weight.none
    if let text = arguments["--weight"] {
      let plain = text.hasSuffix("%") ? String(text.dropLast()) : text
      guard let percent = Double(plain), let parsed = Weight(percent: percent) else {
        throw Failure(
          .wrong,
          "--weight must be from 0 to 100 with two decimals at most (found '\(Text.shown(text))')")
      }
      weight = parsed
    }
    let state = try await world.load(service)
    var routing = Routing(
      stable: state.stable, canary: state.running?.to ?? state.other, weight: weight,
      brake: state.stable, fallback: true)
    // A weight that is asked for is a stage of a rollout, in which people are chosen too.
    if arguments["--weight"] != nil {
      routing.audience = state.serving?.routing.audience ?? Audience(salt: "sample")
    }
    do throws(RouterError) {
      let files = try world.router.render(service.name, routing, state.generation)
      for (suffix, text) in files.all where suffix != "conf" || !arguments.has("--location") {
        guard let text else { continue }
        output.out("# \(world.router.file(service.name, suffix))\n\(text)")
      }
    } catch {
      throw Failure(.wrong, error.text)
    }
    return .done
  }
}
