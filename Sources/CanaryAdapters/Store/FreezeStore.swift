package import CanaryCore
package import CanaryDriver

// A freeze of all services is one freeze in each state, and this one for services that the config
// gets later.
extension SQLiteStore {
  package func freezeOfAll() throws(StoreError) -> Freeze? {
    guard try isThere() else { return nil }
    let rows = try use { connection throws(SQLiteError) in
      try connection.run("SELECT freeze FROM freeze_of_all")
    }
    guard let text = rows.first?[0].text else { return nil }
    return try decode(Freeze.self, text)
  }

  package func freezeAll(_ freeze: Freeze?) throws(StoreError) {
    let text = try freeze.map { value throws(StoreError) in try encode(value) }
    try use { connection throws(SQLiteError) in
      try connection.transaction { () throws(SQLiteError) in
        try connection.run("DELETE FROM freeze_of_all")
        if let text { try connection.run("INSERT INTO freeze_of_all VALUES (?)", [.text(text)]) }
      }
    }
  }
}
