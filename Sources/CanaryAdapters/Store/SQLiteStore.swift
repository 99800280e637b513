internal import CSQLite
package import CanaryCore
package import CanaryDriver
internal import FoundationEssentials

/// The store in one SQLite file, shared by all processes of the host.
package actor SQLiteStore: StateStore, ChangeFeed, HistoryStore, LogStore {
  private let executor = QueueExecutor("canary.store")
  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  let folder: String
  let patience: Span
  let readsOnly: Bool
  private let journal: SystemLog
  var open: SQLiteConnection?
  /// The file that is open, by which one that takes its place is noticed.
  var opened: Files.Identity?
  /// Whether the last write waited for a lock in vain: the next ones wait but a moment, so that
  /// whoever asks many times is not held up by each.
  var isLocked = false
  /// States as last read or saved; valid while no other process saves, by `knownAt`.
  var known: [ServiceName: Saved<ServiceState>] = [:]
  /// SQLite's `data_version` for which `known` is valid.
  var knownAt: Int?

  /// The store in a folder; opens no file before its first use.
  ///
  /// `patience` bounds each wait for a lock. With `readsOnly` nothing is created or written, and who
  /// may only read the folder can read the store.
  package init(
    folder: String, patience: Span, readsOnly: Bool = false, journal: SystemLog = SystemLog()
  ) {
    self.folder = folder
    self.patience = patience
    self.readsOnly = readsOnly
    self.journal = journal
  }

  /// Tells the system's log the newest hash: what is cut off here later is still known there.
  func tell(_ head: ChainHead?) {
    if let head { journal.tell("\(path): entry \(head.id) of the audit has the hash \(head.hash)") }
  }

  nonisolated var path: String { "\(folder)/canary.db" }
  package nonisolated var place: String { path }
  package nonisolated var exists: Bool { Files.exists(path) }
  package nonisolated var changeMark: String? { "\(path)-wal" }

  package func load(_ service: ServiceName) throws(StoreError) -> Saved<ServiceState>? {
    try use { connection throws(SQLiteError) in try read(service, connection) }
  }

  /// The state and its revision; from memory while no other process has saved.
  private func read(
    _ service: ServiceName, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> Saved<ServiceState>? {
    let version = try version(connection)
    if knownAt != version { known = [:] }
    knownAt = version
    if let found = known[service] { return found }
    let row = try connection.run(
      "SELECT revision, state FROM service WHERE name = ?", [.text(service.text)]
    ).first
    guard let row, let revision = row[0].int, let text = row[1].text else { return nil }
    let saved = Saved(
      value: try decoded(ServiceState.self, text, named: "the state of \(service)"),
      revision: Int(revision))
    known[service] = saved
    return saved
  }

  package func peek(_ service: ServiceName, patience: Span?) throws(StoreError) -> ServiceState? {
    guard try isThere() else { return nil }
    return try use(patience: patience) { connection throws(SQLiteError) in
      try read(service, connection)
    }?.value
  }

  package func peekAll() throws(StoreError) -> [ServiceName: ServiceState] {
    guard try isThere() else { return [:] }
    let rows = try use { connection throws(SQLiteError) in
      try connection.run("SELECT state FROM service")
    }
    var states: [ServiceName: ServiceState] = [:]
    for row in rows {
      guard let state = try? decoded(ServiceState.self, row[0].text ?? "") else { continue }
      states[state.service] = state
    }
    return states
  }

  package func save(
    _ state: ServiceState, entries: [Entry], kept: [KeptMeasurement], over revision: Int
  ) throws(StoreError) -> Int {
    let change = StateChange(state, entries: entries, kept: kept, over: revision)
    guard let next = try save([change])[0] else { throw .conflict }
    return next
  }

  package func save(_ changes: [StateChange]) throws(StoreError) -> [Int?] {
    var texts: [(state: String, rollout: String?)] = []
    for change in changes {
      // The history's rollouts change only with an entry.
      let rollout = change.entries.isEmpty ? nil : change.state.rollout
      texts.append((try encode(change.state), try rollout.map(encode)))
    }
    let connection = try connected()
    // A power cut may lose as much of a soak as a kill does, which is not worth a wait for the
    // disk.
    let isProgress = changes.allSatisfy { change in
      let last = known[change.state.service]
      return change.entries.isEmpty && last?.revision == change.revision
        && last.map { change.state.isProgress(from: $0.value) } ?? false
    }
    for change in changes { known[change.state.service] = nil }
    var isSaved = [Bool](repeating: false, count: changes.count)
    var head: ChainHead?
    do throws(SQLiteError) {
      if isLocked { connection.patience = Self.shortPatience }
      defer { connection.patience = patience }
      try connection.transaction(isSynced: !isProgress) { () throws(SQLiteError) in
        for (index, change) in changes.enumerated() {
          isSaved[index] = try write(change, texts[index], head: &head, connection)
        }
      }
    } catch {
      throw failed(error)
    }
    isLocked = false
    tell(head)
    return changes.indices.map { index in
      guard isSaved[index] else { return nil }
      let (state, next) = (changes[index].state, changes[index].revision + 1)
      known[state.service] = Saved(value: state, revision: next)
      return next
    }
  }

  /// Writes the state over its revision, and what explains it; false when another process has saved
  /// since.
  ///
  /// `head` becomes the newest entry of the chain where there is a new one.
  private func write(
    _ change: StateChange, _ texts: (state: String, rollout: String?), head: inout ChainHead?,
    _ connection: SQLiteConnection
  ) throws(SQLiteError) -> Bool {
    let service = change.state.service
    let wake = Self.wake(change.state.pending)
    guard try write(texts.state, wake, of: service, over: change.revision, connection) else {
      return false
    }
    if let text = texts.rollout, let number = change.state.rollout?.number {
      try connection.run(
        "INSERT INTO rollout VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET record = excluded.record",
        [.text(service.text), .int(Int64(number)), .text(text)])
    }
    head = try Chain.append(change.entries, of: service, connection) ?? head
    for one in change.kept { try keep(one, of: service, connection) }
    return true
  }

  /// Writes the state over its revision; false when another process has saved since.
  private func write(
    _ text: String, _ wake: SQLiteValue, of service: ServiceName, over revision: Int,
    _ connection: SQLiteConnection
  ) throws(SQLiteError) -> Bool {
    if revision == 0 {
      try connection.run(
        "INSERT INTO service (name, revision, state, wake) VALUES (?, 1, ?, ?) ON CONFLICT DO NOTHING",
        [.text(service.text), .text(text), wake])
    } else {
      try connection.run(
        "UPDATE service SET revision = revision + 1, state = ?, wake = ? WHERE name = ? AND revision = ?",
        [.text(text), wake, .text(service.text), .int(Int64(revision))])
    }
    return connection.changes == 1
  }

  package func pending() throws(StoreError) -> [(service: ServiceName, when: Pending)] {
    guard try isThere() else { return [] }
    return try use { connection throws(SQLiteError) in
      try connection.run("SELECT name, wake FROM service WHERE wake IS NOT NULL")
    }.compactMap { row in
      guard let name = row[0].text.flatMap(ServiceName.init), let wake = row[1].int else {
        return nil
      }
      return (name, wake == 0 ? .now : .at(Instant(milliseconds: wake)))
    }
  }

  /// The value of the column `wake`: NULL for no pending work, 0 for now, otherwise milliseconds
  /// since 1970.
  private static func wake(_ pending: Pending?) -> SQLiteValue {
    switch pending {
    case nil: .null
    case .now: .int(0)
    case .at(let due): .int(max(1, due.milliseconds))
    }
  }

  /// SQLite's `data_version`, which changes when another connection commits.
  package func version() throws(StoreError) -> Int {
    try use { connection throws(SQLiteError) in try version(connection) }
  }

  private func version(_ connection: SQLiteConnection) throws(SQLiteError) -> Int {
    Int(try connection.run("PRAGMA data_version").first?.first?.int ?? 0)
  }

  nonisolated func explain(_ error: SQLiteError) -> StoreError {
    let fault: Fault
    switch error.code.map({ $0 & 0xff }) {
    case SQLITE_BUSY, SQLITE_LOCKED:
      fault = Fault("\(path) is locked by another process for longer than \(patience)")
    case SQLITE_READONLY, SQLITE_PERM, SQLITE_CANTOPEN:
      fault =
        (readsOnly
          ? RightsAdvice.unreadable(folder, path) : RightsAdvice.unwritable(folder, "state"))
        ?? Fault(
          "\(path) cannot be opened for \(readsOnly ? "reading" : "writing"): \(error.message)")
    case SQLITE_CORRUPT, SQLITE_NOTADB:
      fault = Fault(
        "\(path) is damaged (\(error.message))",
        hint: "Put a backup in its place, or move it away to start with an empty one")
    case let code?
    where code == SQLITE_FULL || code == SQLITE_IOERR && Files.lack(at: folder) != nil:
      fault = Fault(
        "\(path) cannot grow: the disk is full", hint: "Make room (df -h \(folder)), then try again"
      )
    default: fault = Fault("\(path): \(error.message)", hint: error.hint)
    }
    return .unavailable(fault)
  }

  nonisolated func decode<Value: Decodable>(_ type: Value.Type, _ text: String) throws(StoreError)
    -> Value
  {
    do throws(SQLiteError) {
      return try decoded(type, text)
    } catch {
      throw explain(error)
    }
  }

  private nonisolated func decoded<Value: Decodable>(
    _ type: Value.Type, _ text: String, named name: String = "a state in it"
  ) throws(SQLiteError) -> Value {
    do {
      return try StoredJSON.decode(type, text)
    } catch {
      throw SQLiteError(
        message: "\(name) cannot be read by this version",
        hint: "Use the version that wrote it")
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
      throw .unavailable(Fault("the state cannot be written as JSON: \(error)"))
    }
  }
}
