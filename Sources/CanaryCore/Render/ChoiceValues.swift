// The values by which a request finds its pool, and those of the probe that shows them.
extension RenderValues {
  /// The variable that names where a kind of servers is reached.
  func poolVariable(_ backend: Label?) -> String {
    let index = service.backends.firstIndex(of: backend) ?? 0
    return index == 0 ? "canary_pool" : "canary_pool\(index)"
  }

  /// The variable that tells the canary's requests from stable's.
  var chosenBy: String {
    switch choice.seatForm {
    case nil: "$canary_pool_\(variable)"
    // Everything is stable's, and nothing sets a variable.
    case .rest?: "''"
    case .kept?, .rollout?: "$canary_met_\(variable)"
    }
  }

  /// The folder of the set in force.
  ///
  /// One for each pair of pools: so the workers of before an exchange of roles and those of after
  /// it never read one set in two ways.
  var setFolder: String {
    "\(config.run.seats(service.name))/\(pair)/\(RunFolder.setInForce)"
  }

  private var pair: String { RunFolder.pair(routing.stable, routing.canary ?? routing.stable) }

  /// Whether a variable names where a request goes in a rollout.
  ///
  /// In a location of your own a later `if` of yours takes the place of ours: there a variable says
  /// the same once more. And only a name in a variable is resolved while Nginx runs.
  var namesByVariable: Bool { service.isInYourLocation || service.resolver != nil }

  /// Whether something besides the set asks whom a request meets.
  private var tellsMet: Bool {
    namesByVariable || service.expose || !choice.shadows.isEmpty || !limits.isEmpty
  }

  /// What a location passes its requests to.
  func target(_ backend: Label?) -> String {
    switch choice.seatForm {
    // A name in a variable is resolved for each request, one in the text only once.
    case .rest? where service.resolver == nil: choice.name(.stable, backend)
    case .rest?, .kept?, .rollout?:
      namesByVariable ? "$\(poolVariable(backend))_\(variable)" : choice.name(.stable, backend)
    case nil: "$canary_pool_\(variable)"
    }
  }

  func weighted(_ backend: Label?) -> Template.Value {
    .rows(
      names: ["pool", "brake_file", "brake_group"],
      inner: ["way": ["letter"], "rules": ["condition", "to", "by"]],
      choice.seatForm != nil
        ? []
        : [
          [
            "pool": .text(text(choice.start.to, backend)),
            "brake_file": .text(
              returns ? config.run.stays(service.name) : config.run.brake(service.name)),
            "brake_group": .text(choice.name(returns ? .split : .brake, backend)),
            "way": .rows(
              names: ["letter"], explainsWay ? [["letter": .text(choice.start.way.letter)]] : []),
            "rules": .rows(
              names: ["condition", "to", "by"],
              choice.rules.flatMap { rule -> [[String: Template.Value]] in
                let (group, by) = (text(rule.to, backend), rule.way.letter)
                return conditions(rule.test).map {
                  ["condition": .text($0), "to": .text(group), "by": .text(by)]
                }
              } + returning(backend)),
          ]
        ])
  }

  /// Whether the brake leads to the pool before the last promotion, unless another rollout has begun.
  private var returns: Bool { routing.brake != routing.stable }

  /// That brake as the last rule; what stands behind it leads back to stable once that rollout has
  /// begun, whichever text a worker still has.
  private func returning(_ backend: Label?) -> [[String: Template.Value]] {
    guard returns else { return [] }
    return [
      [
        "condition": .text("-f \(config.run.brake(service.name))"),
        "to": .text(choice.name(.brake, backend)), "by": .text(choice.start.way.letter),
      ]
    ]
  }

  func seated(_ backend: Label?) -> Template.Value {
    let names: Set = ["set", "own"]
    let inner: [String: Set<String>] = [
      "cleared": ["name"], "marks": ["name", "mark", "value"], "start": ["seat"],
      "rules": ["condition", "to"], "tries": ["given", "wanted", "to"], "told": [],
      "named": ["canary_group"], "yours": ["stable_group"],
    ]
    guard let form = choice.seatForm, form != .rest else {
      return .rows(names: names, inner: inner, [])
    }
    let rules = choice.rules
    let own =
      form == .kept
      ? Seating.everybody
      : rules.isEmpty ? text(choice.start.to, nil) : "$canary_seat_\(variable)"
    return .rows(
      names: names, inner: inner,
      [
        [
          "set": .text(setFolder), "own": .text(own),
          "start": Self.texts(
            "seat", rules.isEmpty ? [] : [self.text(choice.start.to, nil)]),
          "cleared": Self.texts("name", Set(marks.map(\.name)).sorted()),
          "marks": .rows(
            names: ["name", "mark", "value"],
            marks.map {
              ["name": .text($0.name), "mark": .text($0.mark), "value": .text($0.value)]
            }),
          "rules": .rows(
            names: ["condition", "to"],
            (choice.choosesPreviews ? [] : rules).flatMap { rule in
              conditions(rule.test).map {
                ["condition": .text($0), "to": .text(text(rule.to, nil))]
              }
            }),
          "tries": .rows(
            names: ["given", "wanted", "to"],
            (choice.choosesPreviews ? rules : []).flatMap { rule in
              comparisons(rule).map {
                [
                  "given": .text($0.given), "wanted": .text($0.wanted),
                  "to": .text(text(rule.to, nil)),
                ]
              }
            }),
          "told": Self.section(tellsMet),
          "named": Self.texts(
            "canary_group", service.resolver == nil ? [choice.name(.canary, backend)] : []),
          "yours": Self.texts(
            "stable_group",
            namesByVariable && service.resolver == nil ? [choice.name(.stable, backend)] : []),
        ]
      ])
  }

  /// What a set says besides its seats: the variable, the file, and the value that it then has.
  private var marks: [(name: String, mark: String, value: String)] {
    choice.stageLimits.indices.map { ("canary_limit", Seating.limit($0), "\($0)") }
      + (choice.choosesPreviews ? [("canary_previews", Seating.previews, "1")] : [])
  }

  private func text(_ target: RoutingRules.Target, _ backend: Label?) -> String {
    switch target {
    case .group(let group): choice.name(group, backend)
    case .hand: "\(choice.prefix(backend)).$canary_hand_\(variable)"
    case .seat(let seat): seat
    case .drawn(let circle): Seating.name("$canary_draw_\(variable)", circle: circle)
    }
  }

  /// The conditions of `if`, any of which is enough.
  ///
  /// None is a regular expression: one that fits would empty the `$1` of your own location. And
  /// none is left to a `map`, which compares without case and would accept BETA for beta.
  private func conditions(_ test: RoutingRules.Test) -> [String] {
    if case .address(let list, _) = test { return ["$canary_\(list)_\(variable)"] }
    return pairs(test).map { "\($0) = \"\($1)\"" }
  }

  /// What a request has, and what it must be; any pair is enough.
  private func pairs(_ test: RoutingRules.Test) -> [(String, String)] {
    switch test {
    case .address(let list, _): [("$canary_\(list)_\(variable)", "1")]
    case .header(let name, let value): [(Self.headerVariable(name), value)]
    case .cookie(let name, let value): [("$cookie_\(name)", value)]
    case .tag(let list, _, let values):
      values.map { ("$canary_\(list)_\(variable)", $0) }
    }
  }

  /// The same where the set says whether the rules of `preview` are in force: an `if` compares one
  /// variable, so that it holds both.
  private func comparisons(_ rule: AudienceRule) -> [(given: String, wanted: String)] {
    pairs(rule.test).map { given, wanted in
      rule.isOfPreview
        ? ("$canary_previews_\(variable):\(given)", "1:\(wanted)") : (given, wanted)
    }
  }

  // MARK: the probe

  /// Whether one server answers for this service and all others at rest; else it has its own.
  var isResting: Bool { choice.seatForm == .rest }

  /// The line of a service at rest, which says what the server of all of them answers for it.
  var resting: Template.Value {
    let answer = RestingAnswer(service.name, generation, base: routing.stable)
    return Self.texts("answer", isResting ? [answer.text] : [])
  }

  /// The server of a service that is not at rest.
  var probed: Template.Value {
    let names: Set = ["probe_socket", "host", "asked", "file", "answer"]
    let inner: [String: Set<String>] = ["declared": ["name", "value"]]
    if isResting { return .rows(names: names, inner: inner, []) }
    let hasSeats = choice.seatForm != nil
    let declared =
      hasSeats
      ? [("canary_met", "0")] + (explainsWay ? [("canary_seat", "''")] : [])
        + Set(marks.map(\.name)).sorted().map { ($0, "''") }
      : [("canary_pool", "''"), ("canary_way", "''"), ("canary_braked", "0")]
    let asked = hasSeats ? "canary_met" : "canary_braked"
    return .rows(
      names: names, inner: inner,
      [
        [
          "probe_socket": .text(config.run.probe), "host": .text(service.name.probeHost),
          "asked": .text(asked),
          "file": .text(hasSeats ? "\(setFolder)$uri" : config.run.brake(service.name)),
          "answer": .text("$\(asked)_\(variable)" + (hasSeats ? " \(pair)" : "")),
          "declared": .rows(
            names: ["name", "value"], declared.map { ["name": .text($0.0), "value": .text($0.1)] }),
        ]
      ])
  }
}
