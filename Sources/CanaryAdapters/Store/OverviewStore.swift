package import CanaryCore
package import CanaryDriver

// What the status page and the metrics tell of all services at once.
extension SQLiteStore {
  /// The revision of every service that was ever saved.
  package func revisions() throws(StoreError) -> [Name: Int] {
    guard Files.exists(path) else { return [:] }
    let rows = try use { connection throws(SQLiteError) in
      try connection.run("SELECT name, revision FROM service")
    }
    return rows.reduce(into: [:]) { all, row in
      if let name = row[0].text.flatMap(Name.init) { all[name] = Int(row[1].int ?? 0) }
    }
  }

  /// One rollout with its entries; nil when there is none of that number.
  package func record(_ service: Name, rollout: Int) throws(StoreError) -> RolloutRecord? {
    guard Files.exists(path) else { return nil }
    let rows = try use { connection throws(SQLiteError) in
      try connection.run(
        "SELECT record FROM rollout WHERE service = ? AND number = ?",
        [.text(service.text), .int(Int64(rollout))])
    }
    guard let text = rows.first?[0].text else { return nil }
    return RolloutRecord(
      rollout: try decode(Rollout.self, text), entries: try entries(service, rollout: rollout))
  }

  /// The newest rollouts first, without their entries.
  package func rollouts(_ service: Name, limit: Int) throws(StoreError) -> [Rollout] {
    guard Files.exists(path) else { return [] }
    let rows = try use { connection throws(SQLiteError) in
      try connection.run(
        "SELECT record FROM rollout WHERE service = ? ORDER BY number DESC LIMIT ?",
        [.text(service.text), .int(Int64(limit))])
    }
    var rollouts: [Rollout] = []
    for row in rows { rollouts.append(try decode(Rollout.self, row[0].text ?? "")) }
    return rollouts
  }

  /// How many rollouts ended how, by the contract's words.
  package func results() throws(StoreError) -> [(service: Name, result: String, count: Int)] {
    guard Files.exists(path) else { return [] }
    let rows = try use { connection throws(SQLiteError) in
      try connection.run(
        """
        SELECT service, CASE
          WHEN json_type(record, '$.phase.promoted') IS NOT NULL THEN 'promoted'
          WHEN json_extract(record, '$.phase.reverted._0.kind') = 'person' THEN 'stopped'
          WHEN json_type(record, '$.phase.reverted') IS NOT NULL THEN 'reverted' END AS result, count(*)
        FROM rollout WHERE result IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
        """)
    }
    return rows.compactMap { row in
      guard let name = row[0].text.flatMap(Name.init), let word = row[1].text else { return nil }
      return (name, word, Int(row[2].int ?? 0))
    }
  }

  /// How often the source of a check did not answer in one rollout, in the stages that are over.
  package struct SourceErrors: Hashable, Sendable {
    package var service: Name
    package var rollout: Int
    package var check: String
    package var count: Int
  }

  /// Of one rollout, or of all; only those with any.
  package func sourceErrors(_ service: Name? = nil, rollout: Int = 0) throws(StoreError)
    -> [SourceErrors]
  {
    guard Files.exists(path) else { return [] }
    let rows = try use { connection throws(SQLiteError) in
      try connection.run(
        """
        SELECT service, rollout, name, sum(json_extract(state, '$.totals.error')) AS errors FROM total
        \(service == nil ? "" : "WHERE service = ? AND rollout = ?")
        GROUP BY service, rollout, name HAVING errors > 0 ORDER BY service, name
        """, service.map { [.text($0.text), .int(Int64(rollout))] } ?? [])
    }
    return rows.compactMap { row in
      guard let name = row[0].text.flatMap(Name.init), let check = row[2].text else { return nil }
      return SourceErrors(
        service: name, rollout: Int(row[1].int ?? 0), check: check, count: Int(row[3].int ?? 0))
    }
  }

  /// How long each revert took, from the decision to the workers' answer.
  package func revertDurations() throws(StoreError) -> [(service: Name, took: Span)] {
    guard Files.exists(path) else { return [] }
    let rows = try use { connection throws(SQLiteError) in
      try connection.run(
        """
        SELECT later.service, later.time - min(earlier.time) FROM entry later
        JOIN entry earlier ON earlier.service = later.service AND earlier.rollout = later.rollout
        WHERE later.event = 'reverted' AND earlier.event = 'reverting' GROUP BY later.id
        """)
    }
    return rows.compactMap { row in
      row[0].text.flatMap(Name.init).map { ($0, Span(milliseconds: max(0, row[1].int ?? 0))) }
    }
  }
}
