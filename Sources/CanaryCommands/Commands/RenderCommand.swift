internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary render`: prints the Nginx configuration for a weight; touches nothing.
enum RenderCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "render", service: .required,
      summary: "print the Nginx configuration for a canary weight; touches nothing",
      options: [
        Option("--weight", "PERCENT", "the canary's share, 0 to 100; else 0"),
        Option("--location", nil, "print only what belongs in a server {} of your own"),
        Option("--reveal", nil, "print the secrets of previews too, which are hidden otherwise"),
      ])
  ) { call throws(Failure) in
    let world = try call.world(.looking)
    let service = try call.service(world)
    var weight = Weight.none
    if let text = call["--weight"] {
      let plain = text.hasSuffix("%") ? String(text.dropLast()) : text
      guard let percent = Double(plain), let parsed = Weight(percent: percent) else {
        throw Failure(
          .wrong,
          "--weight must be from 0 to 100 with two decimals at most (found '\(Text.sanitized(text))')"
        )
      }
      weight = parsed
    }
    let state = try await world.load(service)
    // A weight that you ask for is a stage of a rollout, which has an audience.
    let audience =
      call["--weight"] == nil
      ? nil : state.serving?.routing.audience ?? Audience(salt: "sample")
    let routing = Routing.sample(
      stable: state.stable, canary: state.running?.to ?? state.other, weight: weight,
      audience: audience)
    do throws(RouterError) {
      let files = try world.renderer.render(service.name, routing, state.generation)
      let rules = try world.renderer.rules(service.name, routing)
      for (suffix, text) in files.all where suffix != "conf" || !call.has("--location") {
        guard let text else { continue }
        let shown = call.has("--reveal") ? text : HiddenValues.hidden(text, rules.secrets)
        call.output.out("# \(world.renderer.path(service.name, suffix))\n\(shown)")
      }
      if let answer = RestingAnswer(main: files.main, of: service.name), !call.has("--location") {
        let common = CommonFile(world.renderer, in: world.config.nginx.include)
        let answers = common.answers.merging([service.name: answer]) { $1 }
        call.output.out("# \(common.path)\n\(try world.renderer.common(Array(answers.values)))")
      }
      if rules.seatForm == .rollout, !call.has("--location") {
        let pair = RunFolder.pair(routing.stable, routing.canary ?? routing.stable)
        call.output.out(
          "# \(world.config.run.seats(service.name))/\(pair)/\(RunFolder.setInForce), an empty file for each seat that meets \(routing.canary?.text ?? "-"):\n# \(rules.metSeats.joined(separator: " "))"
        )
      }
    } catch {
      throw Failure(.wrong, error.fault)
    }
    return .done
  }
}
