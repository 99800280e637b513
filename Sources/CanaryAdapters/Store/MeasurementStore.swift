package import CanaryCore
package import CanaryDriver

// The measurements of rollouts, bounded for each check (see `KeptMeasurement.keeps`).
extension SQLiteStore {
  /// How many rollouts of a service keep their measurements; entries are kept for ever.
  private static let keptRollouts = 100

  /// Saves one kept measurement or the totals of a check; totals remove measurements of old
  /// rollouts.
  nonisolated func keep(
    _ kept: KeptMeasurement, of service: ServiceName, _ connection: SQLiteConnection
  )
    throws(SQLiteError)
  {
    let stage: [SQLiteValue] = [
      .text(service.text), .int(Int64(kept.rollout)), .int(Int64(kept.stage)),
    ]
    switch kept.what {
    case .end(let state):
      try connection.run(
        "INSERT OR REPLACE INTO total VALUES (?, ?, ?, ?, ?)",
        stage + [.text(state.name.text), .text(try text(state))])
      try connection.run(
        "DELETE FROM measurement WHERE service = ? AND rollout <= ?",
        [.text(service.text), .int(Int64(kept.rollout - Self.keptRollouts))])
    case .measured(let measurement, let number, let grounds, let verdict):
      try connection.run(
        "INSERT OR REPLACE INTO measurement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        stage + [
          .text(measurement.check.text), .int(Int64(number)), .int(measurement.at.milliseconds),
          .text(try text(grounds)), .text(try text(measurement.reading)),
          .text(verdict.rawValue),
        ])
    }
  }

  private nonisolated func text(_ value: some Encodable) throws(SQLiteError) -> String {
    do throws(StoreError) {
      return try encode(value)
    } catch {
      throw SQLiteError(message: "\(error)")
    }
  }

  /// What was measured in a rollout, by stage and check.
  package func measurements(_ service: ServiceName, rollout: Int) throws(StoreError)
    -> [CheckRecord]
  {
    guard try isThere() else { return [] }
    let key: [SQLiteValue] = [.text(service.text), .int(Int64(rollout))]
    let (rows, totals) = try use { connection throws(SQLiteError) in
      (
        try connection.run(
          "SELECT stage, name, number, time, before, reading, verdict FROM measurement WHERE service = ? AND rollout = ? ORDER BY stage, name, number",
          key),
        try connection.run(
          "SELECT stage, name, state FROM total WHERE service = ? AND rollout = ? ORDER BY stage, name",
          key)
      )
    }
    var records: [CheckRecord] = []
    let index = { (stage: Int, name: CheckName, records: inout [CheckRecord]) -> Int in
      if let found = records.firstIndex(where: { $0.stage == stage && $0.name == name }) {
        return found
      }
      records.append(CheckRecord(stage: stage, name: name))
      return records.count - 1
    }
    for row in rows {
      guard let name = row[1].text.flatMap(CheckName.init),
        let verdict = Verdict(rawValue: row[6].text ?? "")
      else { continue }
      let at = index(Int(row[0].int ?? 0), name, &records)
      let measurement = Measurement(
        check: name, at: Instant(milliseconds: row[3].int ?? 0),
        reading: try decode(Measurement.Reading.self, row[5].text ?? ""))
      records[at].rows.append(
        CheckRecord.Row(
          number: Int(row[2].int ?? 0), grounds: try decode(CheckState.self, row[4].text ?? ""),
          measurement: measurement, verdict: verdict))
    }
    for row in totals {
      guard let name = row[1].text.flatMap(CheckName.init) else { continue }
      let at = index(Int(row[0].int ?? 0), name, &records)
      records[at].end = try decode(CheckState.self, row[2].text ?? "")
    }
    return records.sorted { ($0.stage, $0.name.text) < ($1.stage, $1.name.text) }
  }
}
