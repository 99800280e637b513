package import CanaryCore
package import CanaryDriver

// What the status page and the metrics need from the store.
extension SQLiteStore {
  package func revisions() throws(StoreError) -> [ServiceName: Int] {
    guard try isThere() else { return [:] }
    let rows = try use { connection throws(SQLiteError) in
      try connection.run("SELECT name, revision FROM service")
    }
    return rows.reduce(into: [:]) { all, row in
      if let name = row[0].text.flatMap(ServiceName.init) { all[name] = Int(row[1].int ?? 0) }
    }
  }

  package func record(_ service: ServiceName, rollout: Int) throws(StoreError) -> RolloutRecord? {
    guard try isThere() else { return nil }
    let rows = try use { connection throws(SQLiteError) in
      try connection.run(
        "SELECT record FROM rollout WHERE service = ? AND number = ?",
        [.text(service.text), .int(Int64(rollout))])
    }
    guard let text = rows.first?[0].text else { return nil }
    return RolloutRecord(
      rollout: try decode(Rollout.self, text), entries: try entries(service, rollout: rollout))
  }

  package func rollouts(_ service: ServiceName, limit: Int) throws(StoreError) -> [Rollout] {
    guard try isThere() else { return [] }
    let rows = try use { connection throws(SQLiteError) in
      try connection.run(
        "SELECT record FROM rollout WHERE service = ? ORDER BY number DESC LIMIT ?",
        [.text(service.text), .int(Int64(limit))])
    }
    var rollouts: [Rollout] = []
    for row in rows { rollouts.append(try decode(Rollout.self, row[0].text ?? "")) }
    return rollouts
  }

  package func results() throws(StoreError) -> [ResultCount] {
    guard try isThere() else { return [] }
    let rows = try use { connection throws(SQLiteError) in
      try connection.run(
        """
        SELECT service, CASE
          WHEN json_type(record, '$.phase.promoted') IS NOT NULL THEN '\(ResultWord.promoted.rawValue)'
          WHEN json_extract(record, '$.phase.reverted._0.kind') = 'person' THEN '\(ResultWord.stopped.rawValue)'
          WHEN json_type(record, '$.phase.reverted') IS NOT NULL THEN '\(ResultWord.reverted.rawValue)' END AS result, count(*)
        FROM rollout WHERE result IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
        """)
    }
    return rows.compactMap { row in
      guard let name = row[0].text.flatMap(ServiceName.init),
        let result = row[1].text.flatMap(ResultWord.init)
      else { return nil }
      return ResultCount(service: name, result: result, count: Int(row[2].int ?? 0))
    }
  }

  package func sourceErrors(
    of rollout: (service: ServiceName, number: Int)?
  ) throws(StoreError) -> [SourceErrors] {
    guard try isThere() else { return [] }
    let rows = try use { connection throws(SQLiteError) in
      try connection.run(
        """
        SELECT service, rollout, name, sum(json_extract(state, '$.totals.error')) AS errors FROM total
        \(rollout == nil ? "" : "WHERE service = ? AND rollout = ?")
        GROUP BY service, rollout, name HAVING errors > 0 ORDER BY service, name
        """, rollout.map { [.text($0.service.text), .int(Int64($0.number))] } ?? [])
    }
    return rows.compactMap { row in
      guard let name = row[0].text.flatMap(ServiceName.init), let check = row[2].text else {
        return nil
      }
      return SourceErrors(
        service: name, rollout: Int(row[1].int ?? 0), check: check, count: Int(row[3].int ?? 0))
    }
  }

  package func revertDurations() throws(StoreError) -> [(service: ServiceName, took: Span)] {
    guard try isThere() else { return [] }
    let rows = try use { connection throws(SQLiteError) in
      try connection.run(
        """
        SELECT later.service, later.time - min(earlier.time) FROM entry later
        JOIN entry earlier ON earlier.service = later.service AND earlier.rollout = later.rollout
        WHERE later.event = '\(HistoryEvent.reverted.rawValue)' AND earlier.event = '\(HistoryEvent.reverting.rawValue)' GROUP BY later.id
        """)
    }
    return rows.compactMap { row in
      row[0].text.flatMap(ServiceName.init).map {
        ($0, Span(milliseconds: max(0, row[1].int ?? 0)))
      }
    }
  }
}
