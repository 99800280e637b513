/// Reads zones, windows and blackouts.
struct CalendarReader {
  private let zones: (String) -> Zone?

  init(_ zones: @escaping (String) -> Zone?) { self.zones = zones }

  func zone(_ table: TableReader) -> Zone? {
    table.read(
      "zone",
      "must be a zone of the tz database, such as \"Asia/Shanghai\" or \"UTC\", or \"local\""
    ) { node in
      if case .text(let name) = node { return zones(name) }
      return nil
    }
  }

  func windows(_ table: TableReader, _ key: String, zone: Zone) -> [Window] {
    table.tables(key).compactMap { window($0, zone) }
  }

  private func window(_ table: TableReader, _ usual: Zone) -> Window? {
    table.refuseUnknown(.window)
    let days = table.read("days", Weekdays.rule) { node -> Weekdays? in
      if case .text(let text) = node { return Weekdays(parsing: text) }
      return nil
    }
    let dates = table.read("dates", Dates.rule) { node -> Dates? in
      if case .text(let text) = node { return Dates(parsing: text) }
      return nil
    }
    let time = { (key: String) -> Int? in
      table.read(key, "must be a time of day from \"00:00\" to \"24:00\"") { node -> Int? in
        if case .text(let text) = node { return Window.minutes(parsing: text) }
        return nil
      }
    }
    let from = time("from")
    let to = time("to")
    if !["days", "dates", "from", "to"].contains(where: table.has) {
      table.faultHere("must have days, dates, or from and to: else it is always")
    }
    if table.has("from") != table.has("to") {
      table.faultHere("must have both from and to, or neither for the whole day")
    }
    let zone = self.zone(table)
    if let from, let to, from == to {
      table.fault("to", "must not be the same as from; a whole day is \"00:00\" to \"24:00\"")
      return nil
    }
    if from == 1440 {
      table.fault("from", "must be before \"24:00\"")
      return nil
    }
    let text = ["days", "dates", "from", "to"].compactMap { key -> String? in
      guard case .text(let text)? = table.node(key) else { return nil }
      return key == "to" ? "to \(text)" : key == "from" ? "from \(text)" : text
    }.joined(separator: " ")
    return Window(
      days: days, dates: dates, from: from ?? 0, to: to ?? 1440, zone: zone ?? usual,
      text: "\(text) (\((zone ?? usual).name))")
  }
}
