internal import CanaryCore
internal import FoundationEssentials
internal import Glibc

/// A copy of a database for who may read it but not write beside it.
enum StoreCopy {
  /// A connection to a copy of the database and its journal, as they are now; the copy is gone with
  /// the connection.
  static func open(_ path: String, patience: Span) throws(SQLiteError) -> SQLiteConnection {
    let folder = try makeFolder()
    defer { remove(folder) }
    let copy = "\(folder)/canary.db"
    for _ in 0..<5 {
      let before = signatures(path)
      do {
        for suffix in ["", "-wal"] where Files.exists(path + suffix) {
          try? FileManager.default.removeItem(atPath: copy + suffix)
          try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix)
          chmod(copy + suffix, 0o600)
        }
      } catch {
        throw SQLiteError(message: "it cannot be read: \(String(cString: strerror(errno)))")
      }
      // Somebody wrote meanwhile: the two files may not fit each other.
      guard before == signatures(path) else { continue }
      let connection = try SQLiteConnection(path: copy, patience: patience)
      try Migrations.run(connection)
      return connection
    }
    throw SQLiteError(message: "it changes faster than it can be read", hint: "Try again")
  }

  private static func signatures(_ path: String) -> [Files.Signature?] {
    ["", "-wal"].map { Files.signature(of: path + $0) }
  }

  private static func makeFolder() throws(SQLiteError) -> String {
    var name = Array("/tmp/canary-look.XXXXXX".utf8CString)
    guard mkdtemp(&name) != nil else {
      throw SQLiteError(
        message: "no room in /tmp for a copy of it: \(String(cString: strerror(errno)))")
    }
    return String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func remove(_ folder: String) {
    for name in Files.names(in: folder) { unlink("\(folder)/\(name)") }
    rmdir(folder)
  }
}
