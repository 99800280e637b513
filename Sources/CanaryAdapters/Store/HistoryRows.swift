package import CanaryCore
package import CanaryDriver

// The rollouts of the history, newest first.
extension SQLiteStore {
  package func history(_ service: ServiceName, limit: Int) throws(StoreError) -> [RolloutRecord] {
    guard try isThere() else { return [] }
    let rows = try use { connection throws(SQLiteError) in
      try connection.run(
        "SELECT record FROM rollout WHERE service = ? ORDER BY number DESC LIMIT ?",
        [.text(service.text), .int(Int64(limit))])
    }
    var records: [RolloutRecord] = []
    for row in rows {
      let rollout = try decode(Rollout.self, row[0].text ?? "")
      records.append(
        RolloutRecord(rollout: rollout, entries: try entries(service, rollout: rollout.number)))
    }
    return records
  }

  func entries(_ service: ServiceName, rollout: Int) throws(StoreError) -> [Entry] {
    try use { connection throws(SQLiteError) in
      try connection.run(
        "SELECT \(Chain.columns) FROM entry WHERE service = ? AND rollout = ? ORDER BY id",
        [.text(service.text), .int(Int64(rollout))])
    }.map { Chain.link($0).entry }
  }
}
