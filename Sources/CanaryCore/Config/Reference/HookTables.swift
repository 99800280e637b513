// The tables of hooks.
extension ConfigTable {
  package static let hooks = ConfigTable(
    "services.NAME.hooks",
    Moment.allCases.map {
      .may($0.rawValue, .list(.table(hook)), "none", "[unattended.md](unattended.md)")
    })

  package static let hook = ConfigTable(
    "services.NAME.hooks.MOMENT[]",
    [
      .need("run", .texts, "argv"),
      .may("timeout", .duration, "5m", "after that it is ended, and has failed"),
      .may(
        "at", .choice(["retain"]), "at once",
        "of `after_promote`: once the former pool is no longer kept"),
    ])
}
