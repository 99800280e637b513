internal import CSQLite
package import CanaryCore
package import CanaryDriver
internal import FoundationEssentials

/// The store in one SQLite file, for all processes of the host at once.
package actor SQLiteStore: Store {
  private let executor = QueueExecutor("canary.store")
  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  private let folder: String
  private let patience: Span
  private var open: SQLiteConnection?
  /// What was read or saved last, good for as long as no other process has saved anything.
  private var known: [Name: Saved<ServiceState>] = [:]
  private var knownAt: Int?

  /// The store in that folder; nothing is opened before it is first used.
  ///
  /// `patience` bounds each wait for a lock.
  package init(folder: String, patience: Span) {
    self.folder = folder
    self.patience = patience
  }

  package nonisolated var path: String { "\(folder)/canary.db" }

  package func load(_ service: Name) throws(StoreError) -> Saved<ServiceState>? {
    let version = try dataVersion()
    if knownAt != version { known = [:] }
    knownAt = version
    if let found = known[service] { return found }
    let row = try use { connection throws(SQLiteError) in
      try connection.run(
        "SELECT revision, state FROM service WHERE name = ?", [.text(service.text)]
      ).first
    }
    guard let row, let revision = row[0].int, let text = row[1].text else { return nil }
    let saved = Saved(value: try decode(ServiceState.self, text), revision: Int(revision))
    known[service] = saved
    return saved
  }

  /// Like `load`, but makes no database where there is none.
  package func peek(_ service: Name) throws(StoreError) -> ServiceState? {
    Files.exists(path) ? try load(service)?.value : nil
  }

  package func save(
    _ state: ServiceState, entries: [Entry], kept: [Kept], over revision: Int
  ) throws(StoreError) -> Int {
    let text = try encode(state)
    let wake = state.wake.map { SQLiteValue.int($0.milliseconds) } ?? .null
    let record: (number: Int, text: String)?
    // Whatever a person reads in the history comes with an entry.
    if let rollout = state.rollout, !entries.isEmpty {
      record = (rollout.number, try encode(rollout))
    } else {
      record = nil
    }
    let connection = try connected()
    let last = known[state.service]
    known[state.service] = nil
    // A power cut may cost as much of a soak as a kill does: that is not worth waiting for a disk.
    let isProgress =
      entries.isEmpty && last?.revision == revision
      && last.map { state.isProgress(from: $0.value) } ?? false
    let name = state.service.text
    let saved = try connection.transaction(isSynced: !isProgress, wrap: explain) {
      () throws(StoreError) -> Int in
      do throws(SQLiteError) {
        if revision == 0 {
          try connection.run(
            "INSERT INTO service (name, revision, state, wake) VALUES (?, 1, ?, ?) ON CONFLICT DO NOTHING",
            [.text(name), .text(text), wake])
        } else {
          try connection.run(
            "UPDATE service SET revision = revision + 1, state = ?, wake = ? WHERE name = ? AND revision = ?",
            [.text(text), wake, .text(name), .int(Int64(revision))])
        }
        guard connection.changes == 1 else { throw SQLiteError(code: -1, message: "conflict") }
        if let record {
          try connection.run(
            "INSERT INTO rollout VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET record = excluded.record",
            [.text(name), .int(Int64(record.number)), .text(record.text)])
        }
        try Chain.append(entries, of: name, connection)
        for one in kept { try keep(one, of: name, connection) }
        return revision + 1
      } catch {
        throw error.code == -1 ? .conflict : explain(error)
      }
    }
    known[state.service] = Saved(value: state, revision: saved)
    return saved
  }

  package func history(_ service: Name, limit: Int) throws(StoreError) -> [RolloutRecord] {
    guard Files.exists(path) else { return [] }
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

  func entries(_ service: Name, rollout: Int) throws(StoreError) -> [Entry] {
    try use { connection throws(SQLiteError) in
      try connection.run(
        "SELECT \(Chain.columns) FROM entry WHERE service = ? AND rollout = ? ORDER BY id",
        [.text(service.text), .int(Int64(rollout))])
    }.map { Chain.Link($0).entry }
  }

  /// The services that somebody must look at, and from when on; all others owe nothing.
  package func wakes() throws(StoreError) -> [(name: Name, at: Instant)] {
    guard Files.exists(path) else { return [] }
    return try use { connection throws(SQLiteError) in
      try connection.run("SELECT name, wake FROM service WHERE wake IS NOT NULL")
    }.compactMap { row in
      guard let name = row[0].text.flatMap(Name.init), let at = row[1].int else { return nil }
      return (name, Instant(milliseconds: at))
    }
  }

  /// A number that changes whenever another process has saved anything (SQLite's `data_version`).
  package func dataVersion() throws(StoreError) -> Int {
    let rows = try use { connection throws(SQLiteError) in try connection.run("PRAGMA data_version")
    }
    return Int(rows.first?.first?.int ?? 0)
  }

  // MARK: the connection

  /// Runs the work on the connection; a fault of SQLite becomes a sentence for a person.
  func use<Value>(_ work: (SQLiteConnection) throws(SQLiteError) -> Value) throws(StoreError)
    -> Value
  {
    let connection = try connected()
    do throws(SQLiteError) {
      return try work(connection)
    } catch {
      throw explain(error)
    }
  }

  private func connected() throws(StoreError) -> SQLiteConnection {
    if let open { return open }
    do throws(FileError) {
      try Files.makeFolder(folder, mode: 0o750)
    } catch {
      throw .unavailable("\(error). The folder is set by `state` in the config")
    }
    do throws(SQLiteError) {
      let connection = try SQLiteConnection(
        path: path, patience: Int32(clamping: patience.milliseconds))
      // Where a group shares the folder, it shares the store: SQLite gives its other files the same mode.
      if Files.isSharedWithGroup(folder) { Files.shareWithGroup(path) }
      try Migrations.run(connection)
      open = connection
      return connection
    } catch {
      throw explain(error)
    }
  }

  private nonisolated func explain(_ error: SQLiteError) -> StoreError {
    let what: String
    switch error.code & 0xff {
    case SQLITE_BUSY, SQLITE_LOCKED:
      what = "\(path) is locked by another process for longer than \(patience)"
    case SQLITE_FULL: what = "\(path) cannot grow: the disk is full"
    case SQLITE_READONLY, SQLITE_PERM, SQLITE_CANTOPEN:
      what = "\(path) cannot be opened for writing: \(error.message)"
    case SQLITE_CORRUPT, SQLITE_NOTADB:
      what =
        "\(path) is damaged (\(error.message)); put a backup in its place, or move it away to begin anew"
    default: what = "\(path): \(error.message)"
    }
    return .unavailable(what)
  }

  nonisolated func decode<Value: Decodable>(_ type: Value.Type, _ text: String) throws(StoreError)
    -> Value
  {
    do {
      return try JSONDecoder().decode(type, from: Data(text.utf8))
    } catch {
      throw .unavailable(
        "\(path) holds a state that this version cannot read; use the version that wrote it")
    }
  }

  private static let encoder = {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    return encoder
  }()

  nonisolated func encode(_ value: some Encodable) throws(StoreError) -> String {
    do {
      return String(decoding: try Self.encoder.encode(value), as: UTF8.self)
    } catch {
      throw .unavailable("the state cannot be written as JSON: \(error)")
    }
  }
}
