package import CanaryCore
package import CanaryDriver
internal import FoundationEssentials

// What the access log said, kept so that another driver can go on and a person can look back.
extension SQLiteStore {
  /// How long slices are kept.
  private static let kept: Int64 = 8 * 86_400

  /// Adds the counts to what is saved, and notes how far the log was read and what was compared, in one transaction.
  package func saveSlices(
    _ service: Name, _ tally: LogTally, _ positions: [LogPosition], _ comparer: Comparer? = nil
  ) throws(StoreError) {
    let compared: (rollout: Int, text: String)?
    if let comparer {
      compared = (comparer.rollout, try encode(comparer))
    } else {
      compared = nil
    }
    var tally = tally
    tally.close()
    let text =
      (try? JSONEncoder().encode(positions)).map { String(decoding: $0, as: UTF8.self) } ?? "[]"
    try use { connection throws(SQLiteError) in
      try connection.transaction(wrap: { $0 }) { () throws(SQLiteError) in
        for (second, pools) in tally.slices {
          for (pool, counts) in zip(tally.pools, pools) where !counts.isEmpty {
            try Self.add(counts, service, pool, second, connection)
          }
        }
        try connection.run(
          """
          INSERT INTO log_position VALUES (?, ?, ?)
          ON CONFLICT DO UPDATE SET position = excluded.position, unreadable = unreadable + excluded.unreadable
          """,
          [.text(service.text), .text(text), .int(Int64(tally.unreadable + tally.unattributed))])
        if let compared {
          try connection.run(
            "INSERT OR REPLACE INTO comparison VALUES (?, ?, ?)",
            [.text(service.text), .int(Int64(compared.rollout)), .text(compared.text)])
        }
        if let newest = tally.slices.keys.max() {
          try connection.run(
            "DELETE FROM slice WHERE service = ? AND second < ?",
            [.text(service.text), .int(newest - Self.kept)])
        }
      }
    }
  }

  private static func add(
    _ counts: PoolCounts, _ service: Name, _ pool: Name, _ second: Int64,
    _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    let key: [SQLiteValue] = [.text(service.text), .int(second), .text(pool.text)]
    var sum = counts
    // A second is often saved in two parts: the log is read while it lasts.
    if let row = try connection.run(
      "SELECT requests, failures, aborted, latency, hurt FROM slice WHERE service = ? AND second = ? AND pool = ?",
      key
    ).first {
      sum.merge(self.counts(row[...]))
    }
    try connection.run(
      "INSERT OR REPLACE INTO slice VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      key + [
        .int(Int64(sum.requests)), .int(Int64(sum.failures)), .int(Int64(sum.aborted)),
        .blob(sum.latency.encoded), sum.hurt.map { .int(Int64($0)) } ?? .null,
      ])
  }

  /// The slices since a second and up to one, and where the reader of the log stopped.
  package func slices(
    _ service: Name, since second: Int64, through last: Int64 = .max
  ) throws(StoreError) -> (
    slices: [(second: Int64, pool: Name, counts: PoolCounts)], positions: [LogPosition]
  ) {
    try use { connection throws(SQLiteError) in
      let rows = try connection.run(
        "SELECT second, pool, requests, failures, aborted, latency, hurt FROM slice WHERE service = ? AND second >= ? AND second <= ?",
        [.text(service.text), .int(second), .int(last)])
      let slices = rows.compactMap { row -> (second: Int64, pool: Name, counts: PoolCounts)? in
        guard let second = row[0].int, let pool = row[1].text.flatMap(Name.init) else { return nil }
        return (second, pool, Self.counts(row[2...]))
      }
      let text = try connection.run(
        "SELECT position FROM log_position WHERE service = ?", [.text(service.text)]
      ).first?[0].text
      let positions =
        text.flatMap { try? JSONDecoder().decode([LogPosition].self, from: Data($0.utf8)) } ?? []
      return (slices, positions)
    }
  }

  /// The comparison of a rollout as it was saved; nil when there is none that this version can read.
  package func comparer(_ service: Name, rollout: Int) throws(StoreError) -> Comparer? {
    let rows = try use { connection throws(SQLiteError) in
      try connection.run(
        "SELECT state FROM comparison WHERE service = ? AND rollout = ?",
        [.text(service.text), .int(Int64(rollout))])
    }
    return rows.first?[0].text.flatMap {
      try? JSONDecoder().decode(Comparer.self, from: Data($0.utf8))
    }
  }

  /// Lines of the log that could not be read or belonged to no pool, ever.
  package func unreadable(_ service: Name) throws(StoreError) -> Int {
    let rows = try use { connection throws(SQLiteError) in
      try connection.run(
        "SELECT unreadable FROM log_position WHERE service = ?", [.text(service.text)])
    }
    return Int(rows.first?[0].int ?? 0)
  }

  private static func counts(_ row: ArraySlice<SQLiteValue>) -> PoolCounts {
    var counts = PoolCounts()
    let row = Array(row)
    counts.requests = Int(row[0].int ?? 0)
    counts.failures = Int(row[1].int ?? 0)
    counts.aborted = Int(row[2].int ?? 0)
    counts.hurt = row[4].int.map { Int($0) }
    counts.latency = row[3].blob.flatMap(Histogram.init(encoded:)) ?? Histogram()
    return counts
  }
}
