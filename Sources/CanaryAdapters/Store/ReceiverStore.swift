package import CanaryCore
package import CanaryDriver

// The place of each receiver of notices in the history.
extension SQLiteStore {
  /// A receiver's place; a new receiver is registered at the newest entry.
  package func place(of receiver: String) throws(StoreError) -> ReceiverPlace {
    try use { connection throws(SQLiteError) in
      let key: [SQLiteValue] = [.text(receiver)]
      let sql = "SELECT told, failed FROM receiver WHERE name = ?"
      var row = try connection.run(sql, key).first
      if row == nil {
        try connection.run(
          "INSERT INTO receiver SELECT ?, coalesce(max(id), 0), NULL FROM entry WHERE true ON CONFLICT DO NOTHING",
          key)
        row = try connection.run(sql, key).first
      }
      return ReceiverPlace(told: row?[0].int ?? 0, isFailing: row?[1].int != nil)
    }
  }

  /// Saves a receiver's place, and that it does not fail.
  package func setPlace(of receiver: String, told: Int64) throws(StoreError) {
    try use { connection throws(SQLiteError) in
      _ = try connection.run(
        "UPDATE receiver SET told = ?, failed = NULL WHERE name = ?", [.int(told), .text(receiver)])
    }
  }

  package func setFailing(_ receiver: String, at: Instant) throws(StoreError) {
    try use { connection throws(SQLiteError) in
      _ = try connection.run(
        "UPDATE receiver SET failed = ? WHERE name = ?",
        [.int(at.milliseconds), .text(receiver)])
    }
  }
}
