internal import CSQLite
internal import CanaryCore
internal import CanaryDriver
internal import FoundationEssentials

// How the store is opened, and what a failure means for the next call.
extension SQLiteStore {
  /// Runs work on the connection, and turns SQLite's errors into sentences.
  ///
  /// `patience` bounds the wait for a lock this once.
  func use<Value>(
    patience: Span? = nil, _ work: (SQLiteConnection) throws(SQLiteError) -> Value
  ) throws(StoreError) -> Value {
    let connection = try connected(patience: patience)
    connection.patience = patience ?? (isLocked ? Self.shortPatience : self.patience)
    defer { connection.patience = self.patience }
    do throws(SQLiteError) {
      return try work(connection)
    } catch {
      throw failed(error)
    }
  }

  /// Whether there is a store; throws where this person may not look.
  ///
  /// What may not be seen is not empty: an answer by the config alone would be wrong.
  nonisolated func isThere() throws(StoreError) -> Bool {
    if let fault = RightsAdvice.unreadable(folder, path) { throw .unavailable(fault) }
    return exists
  }

  static let shortPatience = Span.seconds(0.2)

  /// Notes what the failure means for the next call, and turns it into a sentence.
  func failed(_ error: SQLiteError) -> StoreError {
    switch error.code.map({ $0 & 0xff }) {
    case SQLITE_BUSY, SQLITE_LOCKED: isLocked = true
    case SQLITE_FULL, SQLITE_CONSTRAINT, nil: break
    // What is wrong may be over at the next call, but not with this connection.
    default: forget()
    }
    return explain(error)
  }

  private func forget() {
    open = nil
    opened = nil
    known = [:]
    knownAt = nil
  }

  /// The connection, opened when first needed; `patience` bounds the wait for that.
  func connected(patience: Span? = nil) throws(StoreError) -> SQLiteConnection {
    if let open, opened == Files.identity(of: path) { return open }
    forget()
    if readsOnly { return try openForReading(patience ?? self.patience) }
    do throws(FileError) {
      try Files.makeFolder(folder, mode: 0o750)
    } catch {
      throw .unavailable(
        RightsAdvice.unwritable(folder, "state")
          ?? Fault("\(error)", hint: "The folder is set by `state` in the config"))
    }
    do throws(SQLiteError) {
      try Self.refuseForeign(path)
      let connection = try SQLiteConnection(
        path: path, patience: patience ?? self.patience)
      // A group that shares the folder shares the store: SQLite gives its other files the same
      // mode.
      Files.share(path, withGroup: Files.isSharedWithGroup(folder))
      try Migrations.run(connection)
      open = connection
      opened = Files.identity(of: path)
      return connection
    } catch {
      throw explain(error)
    }
  }

  /// Throws when something else than a file of ours stands in the place of one of the database's.
  private static func refuseForeign(_ path: String) throws(SQLiteError) {
    for file in [path, path + "-wal", path + "-shm"] {
      guard let fault = Trust.fault(of: file) else { continue }
      throw SQLiteError(
        message: "\(file) is not canary's: \(fault)",
        hint: "Find out who put it there, and remove it")
    }
  }

  /// A connection that writes nothing.
  ///
  /// SQLite needs to write beside a database in WAL mode that nobody has open. Who may not do that, or
  /// cannot because the disk is full, or finds the database of an older version, gets a copy, made
  /// anew for each question.
  private func openForReading(_ patience: Span) throws(StoreError) -> SQLiteConnection {
    do throws(SQLiteError) {
      try Self.refuseForeign(path)
      let connection = try SQLiteConnection(path: path, patience: patience, readsOnly: true)
      if try Migrations.isDone(connection) {
        open = connection
        opened = Files.identity(of: path)
        return connection
      }
    } catch {
      switch error.code.map({ $0 & 0xff }) {
      case SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_IOERR, SQLITE_FULL: break
      default: throw explain(error)
      }
    }
    do throws(SQLiteError) {
      return try StoreCopy.open(path, patience: patience)
    } catch {
      throw explain(error)
    }
  }

  /// The state of a service in the store of a folder, for a process that has no time to wait; nil
  /// when it can't be read.
  static func glance(at service: ServiceName, in folder: String) -> ServiceState? {
    let path = "\(folder)/canary.db"
    guard Files.exists(path), (try? refuseForeign(path)) != nil else { return nil }
    let patience = Span.seconds(0.3)
    let ways = [
      { try SQLiteConnection(path: path, patience: patience, readsOnly: true) },
      { try StoreCopy.open(path, patience: patience) },
    ]
    for open in ways {
      guard let connection = try? open(),
        let row = try? connection.run(
          "SELECT state FROM service WHERE name = ?", [.text(service.text)]
        ).first
      else { continue }
      return row[0].text.flatMap {
        try? JSONDecoder().decode(ServiceState.self, from: Data($0.utf8))
      }
    }
    return nil
  }
}
