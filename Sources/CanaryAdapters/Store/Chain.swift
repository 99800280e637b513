package import CanaryCore
package import CanaryDriver

/// The history as a chain: each entry carries a hash over itself and over the hash of the one before.
///
/// Who changes, removes or slips in an entry breaks every hash after it.
package enum Chain {
  static let columns = "id, service, rollout, time, event, weight, actor, origin, detail, hash"

  /// One entry as it is stored.
  package struct Link: Hashable, Sendable {
    package var id: Int64
    /// The service's name; `-` for what belongs to none.
    package var service: String
    package var entry: Entry
    package var hash: String?

    init(_ row: [SQLiteValue]) {
      id = row[0].int ?? 0
      service = row[1].text ?? ""
      entry = Entry(
        rollout: Int(row[2].int ?? 0), time: Instant(milliseconds: row[3].int ?? 0),
        event: row[4].text ?? "", weight: row[5].int.flatMap { Weight(percent: Double($0) / 100) },
        actor: Actor(row[6].text ?? "", origin: row[7].text), detail: row[8].text)
      hash = row[9].text
    }
  }

  /// What a look at the whole chain found.
  package struct Verification: Hashable, Sendable {
    package var count = 0
    /// Entries from before the history was a chain; the first hash covers them all.
    package var unchained = 0
    /// The hash of the newest entry: who keeps it elsewhere can tell later that nothing before it was changed.
    package var head: String?
    /// What is wrong, at the first entry that does not fit.
    package var fault: String?
  }

  /// The fields with their lengths, so that no two entries have the same text.
  private static func text(_ entry: Entry, of service: String) -> String {
    let fields: [String?] = [
      service, "\(entry.rollout)", "\(entry.time.milliseconds)", entry.event,
      entry.weight.map { "\($0.basisPoints)" }, entry.actor.description, entry.actor.origin,
      entry.detail,
    ]
    return fields.map { $0.map { "\($0.utf8.count):\($0)" } ?? "-" }.joined(separator: ",")
  }

  private static func hash(_ entry: Entry, of service: String, after hash: String) -> String {
    Digest.sha256("\(hash)\n\(text(entry, of: service))")
  }

  /// Adds entries at the end; inside the transaction that saves what they explain.
  static func append(_ entries: [Entry], of service: String, _ connection: SQLiteConnection)
    throws(SQLiteError)
  {
    guard !entries.isEmpty else { return }
    var hash = try newestHash(connection)
    for entry in entries {
      hash = self.hash(entry, of: service, after: hash)
      try connection.run(
        "INSERT INTO entry (service, rollout, time, event, weight, actor, origin, detail, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
          .text(service), .int(Int64(entry.rollout)), .int(entry.time.milliseconds),
          .text(entry.event), entry.weight.map { .int(Int64($0.basisPoints)) } ?? .null,
          .text(entry.actor.description), SQLiteValue(entry.actor.origin),
          SQLiteValue(entry.detail), .text(hash),
        ])
    }
  }

  private static func newestHash(_ connection: SQLiteConnection) throws(SQLiteError) -> String {
    let newest = try connection.run("SELECT hash FROM entry ORDER BY id DESC LIMIT 1").first
    guard let newest else { return "" }
    if let hash = newest[0].text { return hash }
    // Nothing was chained yet: the first hash is one over all that was there.
    return unchained(try connection.run("SELECT \(columns) FROM entry ORDER BY id").map(Link.init))
  }

  private static func unchained(_ links: [Link]) -> String {
    links.reduce("") { hash($1.entry, of: $1.service, after: $0) }
  }

  /// Follows the chain from its first entry to its newest.
  static func verify(_ connection: SQLiteConnection) throws(SQLiteError) -> Verification {
    var found = Verification()
    var hash = ""
    var last: Int64 = 0
    // In pieces: a history may be long, and every writer waits for a reader that holds nothing but this.
    while true {
      let links = try connection.run(
        "SELECT \(columns) FROM entry WHERE id > ? ORDER BY id LIMIT 5000", [.int(last)]
      ).map(Link.init)
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
              "entry \(link.id) (\(link.entry.event), \(link.entry.time.iso8601)) is not what was written, or one before it is gone"
          }
          // On from what is stored, so that one wrong entry is told once.
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

// The history as a whole.
extension SQLiteStore {
  package func verify() throws(StoreError) -> Chain.Verification {
    guard Files.exists(path) else { return Chain.Verification() }
    return try use { connection throws(SQLiteError) in try Chain.verify(connection) }
  }

  /// Whether an entry has that hash.
  package func holds(_ hash: String) throws(StoreError) -> Bool {
    guard Files.exists(path) else { return false }
    return try use { connection throws(SQLiteError) in
      try connection.run("SELECT 1 FROM entry WHERE hash = ? LIMIT 1", [.text(hash)])
    }.isEmpty == false
  }

  /// Entries of a service, or of all, in their order; with a limit, the newest so many.
  package func links(
    of service: String?, since: Instant?, limit: Int
  ) throws(StoreError) -> [Chain.Link] {
    guard Files.exists(path) else { return [] }
    return try use { connection throws(SQLiteError) in
      try connection.run(
        "SELECT \(Chain.columns) FROM entry WHERE time >= ? AND (? IS NULL OR service = ?) ORDER BY id DESC LIMIT ?",
        [
          .int(since?.milliseconds ?? .min), SQLiteValue(service), SQLiteValue(service),
          .int(Int64(limit)),
        ])
    }.map(Chain.Link.init).reversed()
  }

  /// Entries after one, in their order.
  package func links(after id: Int64, limit: Int) throws(StoreError) -> [Chain.Link] {
    guard Files.exists(path) else { return [] }
    return try use { connection throws(SQLiteError) in
      try connection.run(
        "SELECT \(Chain.columns) FROM entry WHERE id > ? ORDER BY id LIMIT ?",
        [.int(id), .int(Int64(limit))])
    }.map(Chain.Link.init)
  }

  /// Adds an entry that belongs to no change of state, such as a refused command.
  package func append(_ entry: Entry, of service: String) throws(StoreError) {
    try use { connection throws(SQLiteError) in
      try connection.transaction(wrap: { $0 }) { () throws(SQLiteError) in
        try Chain.append([entry], of: service, connection)
      }
    }
  }
}
