// The values of shadow.conf, and of the locations that send copies.
extension RenderValues {
  /// The path of the location that sends copies, with their bodies or without.
  func copyPath(_ withBody: Bool) -> String {
    "/.canary-copy-\(service.name)\(withBody ? "-whole" : "")"
  }

  /// Whether a request with its body, or one without, is copied somewhere.
  private var bodies: [Bool] {
    [false, true].filter { withBody in
      choice.paths.contains { path in
        let copied = choice.shadows.filter { $0.copies(path) }
        return !copied.isEmpty && copied.contains(where: \.copiesBodies) == withBody
      }
    }
  }

  /// One internal location for requests without a body, one for those with.
  var copyLocations: Template.Value {
    let names: Set = ["path", "body"]
    let inner: [String: Set<String>] = ["headers": ["header", "value"], "not": ["condition"]]
    return .rows(
      names: names, inner: inner,
      bodies.map { withBody in
        [
          "path": .text(copyPath(withBody)), "body": .text(withBody ? "on" : "off"),
          "headers": Self.pairs(copyHeaders(withBody)), "not": Self.texts("condition", notCopied),
        ]
      })
  }

  /// The conditions under which a request is not copied, any of which is enough.
  private var notCopied: [String] {
    guard choice.seatForm != nil else {
      return ["$canary_copy_\(variable) = ''", "-f \(config.run.brake(service.name))"]
    }
    let seat = Seating.copy(
      route: "$canary_route_\(variable)", method: "$request_method",
      drawn: "$canary_copydraw_\(variable)")
    // The canary needs no copy of what it gets anyway, and half of a conversation is none.
    return ["$canary_met_\(variable)", "$http_upgrade", "!-f \(setFolder)/\(seat)"]
  }

  private func copyHeaders(_ withBody: Bool) -> [(String, String)] {
    let usual = headerRows(service.proxying)
    let host = usual.first { $0.0.lowercased() == "host" }?.1 ?? "$host"
    return [
      ("Host", "\(service.name.probeHost).copies.canary"), ("X-Canary-Host", host),
      ("X-Canary-Route", "$canary_route_\(variable)"),
    ]
      + usual.filter { $0.0.lowercased() != "host" }
      + hidden(cookies: cookiesForPools)
      + (withBody ? [] : [("Content-Length", "''")])
  }

  /// The limit of copies in flight at once, so that a canary that hangs cannot use up users'
  /// connections.
  private static let mostCopies = 64

  var shadow: [String: Template.Value]? {
    guard !choice.shadows.isEmpty else { return nil }
    let timeout = min(service.proxying.timeout ?? Proxying.usualTimeout, .minutes(1))
    let connecting = service.proxying.connectTimeout ?? Proxying.usualConnectTimeout
    let body = choice.shadows.contains(where: \.copiesBodies)
    let groups = choice.paths.indices.map { index -> [String: Template.Value] in
      let backend = service.routes.isEmpty ? usualRoute.backend : service.routes[index].backend
      return ["route": .text("\(index)"), "group": .text(choice.name(.copies, backend))]
    }
    return common.merging([
      "seated": seatedCopies, "weighted": weightedCopies,
      "copies_socket": .text(config.run.copies), "copies_folder": .text(config.run.copiesFolder),
      "host": .text(service.name.probeHost),
      "groups": .rows(names: ["route", "group"], groups), "most": .text("\(Self.mostCopies)"),
      "body": .text(body ? "on" : "off"),
      "connect_timeout": .text("\(connecting.milliseconds)ms"),
      "timeout": .text("\(timeout.milliseconds)ms"), "log": .text(config.log(of: service.name)),
      "headers": Self.pairs(body ? [] : [("Content-Length", "''")]),
    ]) { $1 }
  }

  /// By seats: the draw, which no stage changes.
  private var seatedCopies: Template.Value {
    let drawn = choice.seatForm == nil ? [] : routing.audience?.seating.drawnCopies ?? []
    let parts = drawn.indices.map { index -> [String: Template.Value] in
      let share = index + 1 < drawn.count ? "\(drawn[index].share)%" : "*"
      return ["share": .text(share), "part": .text(drawn[index].name)]
    }
    return .rows(
      names: ["salt"], inner: ["parts": ["share", "part"]],
      drawn.isEmpty
        ? []
        : [
          [
            "salt": .text(routing.audience?.salt ?? ""),
            "parts": .rows(names: ["share", "part"], parts),
          ]
        ])
  }

  /// With weighted groups: the share and the methods of this stage.
  private var weightedCopies: Template.Value {
    let shadow = choice.seatForm == nil ? choice.shadows.first : nil
    return .rows(
      names: ["salt", "chosen_by", "otherwise"],
      inner: ["canaries": ["group"], "shares": ["share"], "methods": ["method"]],
      shadow.map { shadow in
        let isAll = shadow.share == .all
        return [
          [
            "salt": .text(routing.audience?.salt ?? ""), "chosen_by": .text(chosenBy),
            "canaries": Self.texts("group", names([.canary])),
            "shares": Self.texts("share", isAll ? [] : ["\(shadow.share)"]),
            "otherwise": .text(isAll ? "1" : "''"),
            "methods": Self.texts("method", shadow.methods),
          ]
        ]
      } ?? [])
  }
}
