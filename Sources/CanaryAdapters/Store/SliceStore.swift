package import CanaryCore
package import CanaryDriver
internal import FoundationEssentials

// Counts from the access log, for the next driver to continue from, and for reports.
extension SQLiteStore {
  /// For how many seconds slices are kept.
  private static let kept: Int64 = 8 * 86_400
  /// What is counted, in the order in which it is read.
  private static let columns =
    "requests, failures, aborted, latency, hurt, rejected, redirected, cut_off, waits"

  package func saveSlices(
    _ service: ServiceName, _ tally: LogTally, _ positions: [LogPosition], _ judge: ComparisonJudge?
  ) throws(StoreError) {
    let compared: (rollout: Int, text: String)?
    if let judge {
      compared = (judge.rollout, try encode(judge))
    } else {
      compared = nil
    }
    var tally = tally
    tally.close()
    let text =
      (try? JSONEncoder().encode(positions)).map { String(decoding: $0, as: UTF8.self) } ?? "[]"
    try use { connection throws(SQLiteError) in
      try connection.transaction { () throws(SQLiteError) in
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
    _ counts: PoolCounts, _ service: ServiceName, _ pool: PoolName, _ second: Int64,
    _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    let key: [SQLiteValue] = [.text(service.text), .int(second), .text(pool.text)]
    var sum = counts
    // A second is often saved in two parts, because the log is read while it lasts.
    if let row = try connection.run(
      "SELECT \(Self.columns) FROM slice WHERE service = ? AND second = ? AND pool = ?",
      key
    ).first {
      sum.merge(self.counts(row[...]))
    }
    try connection.run(
      "INSERT OR REPLACE INTO slice VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      key + [
        .int(Int64(sum.requests)), .int(Int64(sum.failures)), .int(Int64(sum.aborted)),
        .blob(sum.latency.encoded), sum.hurt.map { .int(Int64($0)) } ?? .null,
        .int(Int64(sum.rejected)), .int(Int64(sum.redirected)), .int(Int64(sum.cutOff)),
        .blob(sum.waits.encoded),
      ])
  }

  package func slices(
    _ service: ServiceName, since second: Int64, through last: Int64
  ) throws(StoreError) -> (slices: [LogSlice], positions: [LogPosition]) {
    try use { connection throws(SQLiteError) in
      let rows = try connection.run(
        "SELECT second, pool, \(Self.columns) FROM slice WHERE service = ? AND second >= ? AND second <= ?",
        [.text(service.text), .int(second), .int(last)])
      let slices = rows.compactMap { row -> LogSlice? in
        // A row is only found by a second that is none when somebody has changed it.
        guard let second = row[0].int, (0...1 << 42).contains(second),
          let pool = row[1].text.flatMap(PoolName.init)
        else {
          return nil
        }
        return LogSlice(second: second, pool: pool, counts: Self.counts(row[2...]))
      }
      let text = try connection.run(
        "SELECT position FROM log_position WHERE service = ?", [.text(service.text)]
      ).first?[0].text
      let positions =
        text.flatMap { try? JSONDecoder().decode([LogPosition].self, from: Data($0.utf8)) } ?? []
      return (slices, positions)
    }
  }

  package func comparison(_ service: ServiceName, rollout: Int) throws(StoreError)
    -> ComparisonJudge?
  {
    let rows = try use { connection throws(SQLiteError) in
      try connection.run(
        "SELECT state FROM comparison WHERE service = ? AND rollout = ?",
        [.text(service.text), .int(Int64(rollout))])
    }
    // A damaged one is not gone on with: the comparison begins again.
    return rows.first?[0].text.flatMap { try? StoredJSON.decode(ComparisonJudge.self, $0) }
  }

  package func unreadable(_ service: ServiceName) throws(StoreError) -> Int {
    let rows = try use { connection throws(SQLiteError) in
      try connection.run(
        "SELECT unreadable FROM log_position WHERE service = ?", [.text(service.text)])
    }
    return Int(rows.first?[0].int ?? 0)
  }

  /// A stored count; one that no second has is a damaged row's, and is cut to what sums can bear.
  private static func count(_ stored: Int64) -> Int { Int(max(0, min(stored, 1 << 40))) }

  private static func counts(_ row: ArraySlice<SQLiteValue>) -> PoolCounts {
    var counts = PoolCounts()
    let row = Array(row)
    counts.requests = count(row[0].int ?? 0)
    counts.failures = count(row[1].int ?? 0)
    counts.aborted = count(row[2].int ?? 0)
    counts.hurt = row[4].int.map(count)
    counts.rejected = count(row[5].int ?? 0)
    counts.redirected = count(row[6].int ?? 0)
    counts.cutOff = count(row[7].int ?? 0)
    counts.waits = row[8].blob.flatMap(Histogram.init(encoded:)) ?? Histogram()
    counts.latency = row[3].blob.flatMap(Histogram.init(encoded:)) ?? Histogram()
    return counts
  }
}
