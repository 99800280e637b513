package import CanaryCore
package import CanaryDriver

/// The history as a chain: each entry has a hash over itself and the hash of the entry before.
///
/// So an entry that is changed, removed or inserted no longer fits the hash after it.
enum Chain {
  /// What a hash covers, in its order; the hint came with schema version 6.
  private static let covered =
    "service, rollout, time, event, weight, actor, origin, detail, hint"
  /// The columns that `link` reads, in order.
  static let columns = "id, hash, \(covered)"

  /// An entry from a row of `columns`.
  static func link(_ row: [SQLiteValue]) -> ChainLink {
    let rollout = Int(row[3].int ?? 0)
    let entry = Entry(
      rollout: rollout > 0 ? rollout : nil, time: Instant(milliseconds: row[4].int ?? 0),
      event: row[5].text.flatMap(HistoryEvent.init) ?? .unknown,
      weight: row[6].int.flatMap { Weight(percent: Double($0) / 100) },
      actor: Actor(row[7].text ?? "", origin: row[8].text), detail: row[9].text, hint: row[10].text)
    return ChainLink(
      id: row[0].int ?? 0, service: row[2].text.flatMap(ServiceName.init), entry: entry,
      hash: row[1].text)
  }

  /// The values of `covered` for an entry.
  private static func values(_ entry: Entry, of service: ServiceName?) -> [SQLiteValue] {
    [
      .text(service?.text ?? ChainLink.noService), .int(Int64(entry.rollout ?? 0)),
      .int(entry.time.milliseconds), .text(entry.event.rawValue),
      entry.weight.map { .int(Int64($0.basisPoints)) } ?? .null, .text(entry.actor.description),
      SQLiteValue(entry.actor.origin), SQLiteValue(entry.detail), SQLiteValue(entry.hint),
    ]
  }

  /// The text that is hashed, of values as they stand in the store.
  ///
  /// Not of an `Entry`: whatever means nothing to this program would look like nothing there, so
  /// that a change to it stayed unseen. Each field has its length before it, so that no two entries
  /// have the same text. The hint is only added when there is one: older entries keep their hash.
  private static func text(_ values: some Sequence<SQLiteValue>) -> String {
    var fields = values.map { value in
      switch value {
      case .null: "-"
      case .int(let number): field("\(number)")
      case .text(let text): field(text)
      // A text that is no text: other bytes must not look like these.
      case .blob(let bytes): "x:\(bytes)"
      }
    }
    if fields.last == "-" { fields.removeLast() }
    return fields.joined(separator: ",")
  }

  private static func field(_ text: String) -> String { "\(text.utf8.count):\(text)" }

  private static func hash(_ values: some Sequence<SQLiteValue>, after hash: String) -> String {
    Digest.sha256("\(hash)\n\(text(values))")
  }

  /// Appends entries; to be called in the transaction that saves what they explain.
  ///
  /// Returns what is to be told outside of the store once that is saved; nil: nothing.
  @discardableResult
  static func append(
    _ entries: [Entry], of service: ServiceName?, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> ChainHead? {
    guard !entries.isEmpty else { return nil }
    var hash = try newestHash(connection)
    for entry in entries {
      let values = values(entry, of: service)
      hash = self.hash(values, after: hash)
      try connection.run(
        "INSERT INTO entry (hash, \(covered)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [.text(hash)] + values)
    }
    let newest = try connection.run("SELECT max(id) FROM entry").first?.first?.int ?? 0
    try connection.run(
      "UPDATE chain SET newest = ?, head = ?", [.int(newest), .text(hash)])
    return ChainHead(id: newest, hash: hash)
  }

  private static func newestHash(_ connection: SQLiteConnection) throws(SQLiteError) -> String {
    let newest = try connection.run("SELECT hash FROM entry ORDER BY id DESC LIMIT 1").first
    guard let newest else { return "" }
    if let hash = newest[0].text { return hash }
    // No entry has a hash yet: the first one covers all that were there before.
    return unchained(try connection.run("SELECT \(columns) FROM entry ORDER BY id"))
  }

  /// The hash of rows of `columns` that carry none.
  private static func unchained(_ rows: [[SQLiteValue]]) -> String {
    rows.reduce("") { hash($1.dropFirst(2), after: $0) }
  }

  /// Checks every hash, from the first entry to the newest; reports the first fault.
  static func verify(_ connection: SQLiteConnection) throws(SQLiteError) -> ChainReport {
    var found = ChainReport()
    var hash = ""
    var last: Int64 = 0
    let kept = try connection.run("SELECT unchained, newest, head FROM chain").first
    let mark = kept?[0].int ?? 0
    // In pieces, so that a long history neither fills memory nor is one long read transaction.
    while true {
      let rows = try connection.run(
        "SELECT \(columns) FROM entry WHERE id > ? ORDER BY id LIMIT 5000", [.int(last)])
      if rows.isEmpty { break }
      for row in rows {
        let link = link(row)
        hash = self.hash(row.dropFirst(2), after: hash)
        found.count += 1
        if link.id != last + 1, found.fault == nil {
          found.fault = "entry \(last + 1) is missing"
        }
        last = link.id
        if let stored = link.hash {
          if stored != hash, found.fault == nil {
            found.fault =
              "entry \(link.id) (\(link.entry.event.rawValue), \(link.entry.time.iso8601)) is not what was written, or one before it is gone"
          }
          // Continues from the stored hash, so that one wrong entry is reported once.
          hash = stored
        } else if found.count == found.unchained + 1, link.id <= mark {
          found.unchained += 1
        } else if found.fault == nil {
          found.fault = "entry \(link.id) has no hash"
        }
      }
    }
    found.head = found.count > found.unchained ? hash : nil
    if found.fault == nil { found.fault = try endFault(connection, kept, last: last, found.head) }
    return found
  }

  /// Why the newest entry is not the one that was written last; nil: it is.
  private static func endFault(
    _ connection: SQLiteConnection, _ kept: [SQLiteValue]?, last: Int64, _ head: String?
  ) throws(SQLiteError) -> String? {
    let given = try connection.run("SELECT seq FROM sqlite_sequence WHERE name = 'entry'").first
    guard let kept, let newest = kept[1].int else {
      return "the note of its newest entry is gone"
    }
    let written = max(newest, given?[0].int ?? 0)
    if written > last { return "the newest \(written - last) entries are missing" }
    return newest < last || kept[2].text != head
      ? "the newest entry (\(last)) is not the one that was written last (\(newest))" : nil
  }
}

/// The newest entry of the chain and its hash, which covers all before it.
struct ChainHead {
  let id: Int64
  let hash: String
}

// Reading and checking the history as a whole.
extension SQLiteStore {
  package func verify() throws(StoreError) -> ChainReport {
    guard try isThere() else { return ChainReport() }
    return try use { connection throws(SQLiteError) in try Chain.verify(connection) }
  }

  package func holds(_ hash: String) throws(StoreError) -> Bool {
    guard try isThere() else { return false }
    return try use { connection throws(SQLiteError) in
      try connection.run("SELECT 1 FROM entry WHERE hash = ? LIMIT 1", [.text(hash)])
    }.isEmpty == false
  }

  package func links(
    of service: ServiceName?, since: Instant?, limit: Int
  ) throws(StoreError) -> [ChainLink] {
    guard try isThere() else { return [] }
    return try use { connection throws(SQLiteError) in
      try connection.run(
        "SELECT \(Chain.columns) FROM entry WHERE time >= ? AND (? IS NULL OR service = ?) ORDER BY id DESC LIMIT ?",
        [
          .int(since?.milliseconds ?? .min), SQLiteValue(service?.text), SQLiteValue(service?.text),
          .int(Int64(limit)),
        ])
    }.map(Chain.link).reversed()
  }

  package func links(after id: Int64, limit: Int) throws(StoreError) -> [ChainLink] {
    guard try isThere() else { return [] }
    return try use { connection throws(SQLiteError) in
      try connection.run(
        "SELECT \(Chain.columns) FROM entry WHERE id > ? ORDER BY id LIMIT ?",
        [.int(id), .int(Int64(limit))])
    }.map(Chain.link)
  }

  package func append(
    _ entry: Entry, of service: ServiceName?, patience: Span?
  ) throws(StoreError) {
    let head = try use(patience: patience) { connection throws(SQLiteError) in
      try connection.transaction { () throws(SQLiteError) in
        try Chain.append([entry], of: service, connection)
      }
    }
    tell(head)
  }
}
