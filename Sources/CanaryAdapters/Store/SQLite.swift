internal import CSQLite
internal import CanaryCore

/// A call of SQLite that failed, in its own words.
struct SQLiteError: Error {
  /// SQLite's extended code; nil when this program itself refuses something.
  var code: Int32?
  let message: String
  var hint: String?
}

/// A value bound to a statement or read from a row.
enum SQLiteValue {
  case null
  case int(Int64)
  case text(String)
  case blob([UInt8])

  init(_ text: String?) { self = text.map(SQLiteValue.text) ?? .null }
  var int: Int64? { if case .int(let value) = self { value } else { nil } }
  var text: String? { if case .text(let value) = self { value } else { nil } }
  var blob: [UInt8]? { if case .blob(let value) = self { value } else { nil } }
}

/// One connection to a database; not thread-safe.
final class SQLiteConnection {
  private var handle: OpaquePointer?
  private var statements: [String: OpaquePointer] = [:]

  /// Opens the database; unless it is read only, creates it, in WAL mode with synced commits.
  init(path: String, patience: Span, readsOnly: Bool = false) throws(SQLiteError) {
    self.patience = patience
    let way = readsOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
    // The folder may be a link of yours, the file in it may not.
    let flags = way | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW
    let code = sqlite3_open_v2(Files.withRealFolder(path), &handle, flags, nil)
    guard code == SQLITE_OK else {
      let error = SQLiteError(code: code, message: String(cString: sqlite3_errstr(code)))
      sqlite3_close_v2(handle)
      handle = nil
      throw error
    }
    sqlite3_extended_result_codes(handle, 1)
    setPatience()
    do throws(SQLiteError) {
      if readsOnly {
        // The first read shows whether its journal can be read, too.
        try run("PRAGMA user_version")
        return
      }
      // SQLite opens a file that it may not write now for reading, and for as long as it is open.
      guard sqlite3_db_readonly(handle, "main") != 1 else {
        throw SQLiteError(code: SQLITE_READONLY, message: "it cannot be written now")
      }
      try run("PRAGMA journal_mode = WAL")
      try run("PRAGMA synchronous = FULL")
      try run("PRAGMA foreign_keys = ON")
      // Few pages (in KiB): states and measurements are seldom read twice.
      try run("PRAGMA cache_size = -512")
    } catch {
      close()
      throw error
    }
  }

  deinit { close() }

  /// Bounds each wait for a lock.
  var patience: Span { didSet { setPatience() } }

  private func setPatience() {
    sqlite3_busy_timeout(handle, Int32(clamping: patience.milliseconds))
  }

  private func close() {
    for statement in statements.values { sqlite3_finalize(statement) }
    statements = [:]
    sqlite3_close_v2(handle)
    handle = nil
  }

  /// Runs one statement with its values; returns all rows.
  @discardableResult
  func run(_ sql: String, _ values: [SQLiteValue] = []) throws(SQLiteError) -> [[SQLiteValue]] {
    let statement = try prepared(sql)
    defer {
      sqlite3_reset(statement)
      sqlite3_clear_bindings(statement)
    }
    for (index, value) in values.enumerated() { bind(value, to: statement, at: Int32(index + 1)) }
    var rows: [[SQLiteValue]] = []
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_ROW:
        rows.append((0..<sqlite3_column_count(statement)).map { column(statement, $0) })
      case SQLITE_DONE: return rows
      default: throw failure()
      }
    }
  }

  /// Runs several statements from one text, such as a migration.
  func script(_ sql: String) throws(SQLiteError) {
    guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw failure() }
  }

  /// How many rows the last statement changed.
  var changes: Int { Int(sqlite3_changes(handle)) }

  /// Runs `body` in a transaction, all or nothing.
  ///
  /// Takes the write lock at the start, so that what is read inside still holds at the end. With
  /// `isSynced` false the commit survives this process but not a power cut, until the next synced
  /// one.
  func transaction<Value>(
    isSynced: Bool = true, _ body: () throws(SQLiteError) -> Value
  ) throws(SQLiteError) -> Value {
    if !isSynced { _ = try? run("PRAGMA synchronous = NORMAL") }
    defer { if !isSynced { _ = try? run("PRAGMA synchronous = FULL") } }
    try run("BEGIN IMMEDIATE")
    do throws(SQLiteError) {
      let value = try body()
      try run("COMMIT")
      return value
    } catch {
      _ = try? run("ROLLBACK")
      throw error
    }
  }

  private func prepared(_ sql: String) throws(SQLiteError) -> OpaquePointer? {
    if let statement = statements[sql] { return statement }
    var statement: OpaquePointer?
    guard
      sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        == SQLITE_OK
    else { throw failure() }
    statements[sql] = statement
    return statement
  }

  private func bind(_ value: SQLiteValue, to statement: OpaquePointer?, at index: Int32) {
    // SQLITE_TRANSIENT, a cast that Swift does not import: SQLite copies the bytes.
    let copies = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    switch value {
    case .null: sqlite3_bind_null(statement, index)
    case .int(let value): sqlite3_bind_int64(statement, index, value)
    case .text(let text): sqlite3_bind_text(statement, index, text, Int32(text.utf8.count), copies)
    case .blob(let bytes): sqlite3_bind_blob(statement, index, bytes, Int32(bytes.count), copies)
    }
  }

  private func column(_ statement: OpaquePointer?, _ index: Int32) -> SQLiteValue {
    switch sqlite3_column_type(statement, index) {
    case SQLITE_INTEGER: return .int(sqlite3_column_int64(statement, index))
    case SQLITE_TEXT:
      let count = Int(sqlite3_column_bytes(statement, index))
      guard let bytes = sqlite3_column_text(statement, index) else { return .text("") }
      let raw = UnsafeBufferPointer(start: bytes, count: count)
      // Not mended: to the chain, other bytes are another text.
      return String(validating: raw, as: UTF8.self).map(SQLiteValue.text) ?? .blob(Array(raw))
    case SQLITE_BLOB:
      let count = Int(sqlite3_column_bytes(statement, index))
      guard let bytes = sqlite3_column_blob(statement, index) else { return .blob([]) }
      return .blob([UInt8](UnsafeRawBufferPointer(start: bytes, count: count)))
    default: return .null
    }
  }

  private func failure() -> SQLiteError {
    SQLiteError(
      code: sqlite3_extended_errcode(handle), message: String(cString: sqlite3_errmsg(handle)))
  }
}
