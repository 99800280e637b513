package import CanaryCore
package import CanaryDriver

/// The history as a chain: each entry has a hash over itself and the hash of the entry before.
///
/// So an entry that is changed, removed or inserted no longer fits the hash after it.
enum Chain {
  /// The columns that `link` reads, in order.
  static let columns =
    "id, service, rollout, time, event, weight, actor, origin, detail, hash, hint"

  /// An entry from a row of `columns`.
  static func link(_ row: [SQLiteValue]) -> ChainLink {
    let rollout = Int(row[2].int ?? 0)
    let entry = Entry(
      rollout: rollout > 0 ? rollout : nil, time: Instant(milliseconds: row[3].int ?? 0),
      event: row[4].text.flatMap(HistoryEvent.init) ?? .unknown,
      weight: row[5].int.flatMap { Weight(percent: Double($0) / 100) },
      actor: Actor(row[6].text ?? "", origin: row[7].text), detail: row[8].text, hint: row[10].text)
    return ChainLink(
      id: row[0].int ?? 0, service: row[1].text.flatMap(ServiceName.init), entry: entry,
      hash: row[9].text)
  }

  /// The text that is hashed.
  ///
  /// Each field has its length before it, so that no two entries have the same text. The hint is
  /// only added when there is one: older entries keep their hash.
  private static func text(_ entry: Entry, of service: ServiceName?) -> String {
    var fields: [String?] = [
      service?.text ?? ChainLink.noService, "\(entry.rollout ?? 0)", "\(entry.time.milliseconds)",
      entry.event.rawValue, entry.weight.map { "\($0.basisPoints)" }, entry.actor.description,
      entry.actor.origin, entry.detail,
    ]
    if let hint = entry.hint { fields.append(hint) }
    return fields.map { $0.map { "\($0.utf8.count):\($0)" } ?? "-" }.joined(separator: ",")
  }

  private static func hash(_ entry: Entry, of service: ServiceName?, after hash: String) -> String {
    Digest.sha256("\(hash)\n\(text(entry, of: service))")
  }

  /// Appends entries; to be called in the transaction that saves what they explain.
  static func append(
    _ entries: [Entry], of service: ServiceName?, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    guard !entries.isEmpty else { return }
    var hash = try newestHash(connection)
    for entry in entries {
      hash = self.hash(entry, of: service, after: hash)
      try connection.run(
        "INSERT INTO entry (service, rollout, time, event, weight, actor, origin, detail, hash, hint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
          .text(service?.text ?? ChainLink.noService), .int(Int64(entry.rollout ?? 0)),
          .int(entry.time.milliseconds), .text(entry.event.rawValue),
          entry.weight.map { .int(Int64($0.basisPoints)) } ?? .null,
          .text(entry.actor.description), SQLiteValue(entry.actor.origin),
          SQLiteValue(entry.detail), .text(hash), SQLiteValue(entry.hint),
        ])
    }
  }

  private static func newestHash(_ connection: SQLiteConnection) throws(SQLiteError) -> String {
    let newest = try connection.run("SELECT hash FROM entry ORDER BY id DESC LIMIT 1").first
    guard let newest else { return "" }
    if let hash = newest[0].text { return hash }
    // No entry has a hash yet: the first one covers all that were there before.
    return unchained(try connection.run("SELECT \(columns) FROM entry ORDER BY id").map(link))
  }

  private static func unchained(_ links: [ChainLink]) -> String {
    links.reduce("") { hash($1.entry, of: $1.service, after: $0) }
  }

  /// Checks every hash, from the first entry to the newest; reports the first fault.
  static func verify(_ connection: SQLiteConnection) throws(SQLiteError) -> ChainReport {
    var found = ChainReport()
    var hash = ""
    var last: Int64 = 0
    // In pieces, so that a long history neither fills memory nor is one long read transaction.
    while true {
      let links = try connection.run(
        "SELECT \(columns) FROM entry WHERE id > ? ORDER BY id LIMIT 5000", [.int(last)]
      ).map(link)
      if links.isEmpty { break }
      for link in links {
        hash = self.hash(link.entry, of: link.service, after: hash)
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
        } else if found.count == found.unchained + 1 {
          found.unchained += 1
        } else if found.fault == nil {
          found.fault = "entry \(link.id) has no hash"
        }
      }
    }
    let newest = try connection.run("SELECT seq FROM sqlite_sequence WHERE name = 'entry'").first
    if let newest = newest?[0].int, newest > last, found.fault == nil {
      found.fault = "the newest \(newest - last) entries are missing"
    }
    found.head = found.count > found.unchained ? hash : nil
    return found
  }
}

// Reading and checking the history as a whole.
extension SQLiteStore {
  package func verify() throws(StoreError) -> ChainReport {
    guard exists else { return ChainReport() }
    return try use { connection throws(SQLiteError) in try Chain.verify(connection) }
  }

  package func holds(_ hash: String) throws(StoreError) -> Bool {
    guard exists else { return false }
    return try use { connection throws(SQLiteError) in
      try connection.run("SELECT 1 FROM entry WHERE hash = ? LIMIT 1", [.text(hash)])
    }.isEmpty == false
  }

  package func links(
    of service: ServiceName?, since: Instant?, limit: Int
  ) throws(StoreError) -> [ChainLink] {
    guard exists else { return [] }
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
    guard exists else { return [] }
    return try use { connection throws(SQLiteError) in
      try connection.run(
        "SELECT \(Chain.columns) FROM entry WHERE id > ? ORDER BY id LIMIT ?",
        [.int(id), .int(Int64(limit))])
    }.map(Chain.link)
  }

  package func append(
    _ entry: Entry, of service: ServiceName?, patience: Span?
  ) throws(StoreError) {
    try use(patience: patience) { connection throws(SQLiteError) in
      try connection.transaction { () throws(SQLiteError) in
        try Chain.append([entry], of: service, connection)
      }
    }
  }
}
