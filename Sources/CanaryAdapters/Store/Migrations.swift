/// The schema of the database, one step per version; a step that has shipped never changes.
enum Migrations {
  static let steps = [
    """
    CREATE TABLE service (
      name     TEXT PRIMARY KEY,
      revision INTEGER NOT NULL,
      state    TEXT NOT NULL
    ) STRICT;

    CREATE TABLE rollout (
      service TEXT NOT NULL,
      number  INTEGER NOT NULL,
      record  TEXT NOT NULL,
      PRIMARY KEY (service, number)
    ) STRICT;

    -- What happened, in the order in which it was saved. Nothing here is ever changed.
    CREATE TABLE entry (
      id      INTEGER PRIMARY KEY AUTOINCREMENT,
      service TEXT NOT NULL,
      rollout INTEGER NOT NULL,
      time    INTEGER NOT NULL,
      event   TEXT NOT NULL,
      weight  INTEGER,
      actor   TEXT NOT NULL,
      detail  TEXT
    ) STRICT;
    CREATE INDEX entry_of_rollout ON entry (service, rollout, id);
    CREATE TRIGGER entry_stays BEFORE UPDATE ON entry
      BEGIN SELECT raise(ABORT, 'the history is append-only'); END;
    CREATE TRIGGER entry_is_kept BEFORE DELETE ON entry
      BEGIN SELECT raise(ABORT, 'the history is append-only'); END;

    -- What the access log said, a second and pool a row, and how far it was read; saved together.
    CREATE TABLE slice (
      service  TEXT NOT NULL,
      second   INTEGER NOT NULL,
      pool     TEXT NOT NULL,
      requests INTEGER NOT NULL,
      failures INTEGER NOT NULL,
      aborted  INTEGER NOT NULL,
      latency  BLOB NOT NULL,
      PRIMARY KEY (service, second, pool)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE log_position (
      service    TEXT PRIMARY KEY,
      position   TEXT NOT NULL,
      unreadable INTEGER NOT NULL
    ) STRICT;
    """,
    """
    -- Measurements of a rollout: enough of them to follow each verdict, and the exact totals of each stage.
    CREATE TABLE measurement (
      service TEXT NOT NULL,
      rollout INTEGER NOT NULL,
      stage   INTEGER NOT NULL,
      name    TEXT NOT NULL,
      number  INTEGER NOT NULL,
      time    INTEGER NOT NULL,
      before  TEXT NOT NULL,
      reading TEXT NOT NULL,
      verdict TEXT NOT NULL,
      PRIMARY KEY (service, rollout, stage, name, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE total (
      service TEXT NOT NULL,
      rollout INTEGER NOT NULL,
      stage   INTEGER NOT NULL,
      name    TEXT NOT NULL,
      state   TEXT NOT NULL,
      PRIMARY KEY (service, rollout, stage, name)
    ) STRICT, WITHOUT ROWID;

    -- The comparison of the running rollout; it has seen the log exactly as far as log_position says.
    CREATE TABLE comparison (
      service TEXT PRIMARY KEY,
      rollout INTEGER NOT NULL,
      state   TEXT NOT NULL
    ) STRICT;
    """,
    """
    -- Each entry carries the hash of the one before, and so of all before it (see Chain.swift).
    ALTER TABLE entry ADD COLUMN origin TEXT;
    ALTER TABLE entry ADD COLUMN hash TEXT;
    CREATE INDEX entry_by_time ON entry (time);

    -- When somebody must look at the service; NULL when nothing is owed.
    ALTER TABLE service ADD COLUMN wake INTEGER;
    UPDATE service SET wake = 0;
    CREATE INDEX service_by_wake ON service (wake) WHERE wake IS NOT NULL;

    -- How far the history was told to each receiver of notices.
    CREATE TABLE receiver (
      name   TEXT PRIMARY KEY,
      told   INTEGER NOT NULL,
      failed INTEGER
    ) STRICT;
    """,
    """
    -- Requests that were first tried on the pool and that the client saw fail; NULL where nobody looked.
    ALTER TABLE slice ADD COLUMN hurt INTEGER;
    """,
    """
    -- The freeze of all services together, for those that come later: one row, or none.
    CREATE TABLE freeze_of_all (
      freeze TEXT NOT NULL
    ) STRICT;
    """,
    """
    -- What to do about what an entry tells; part of its hash where there is any.
    ALTER TABLE entry ADD COLUMN hint TEXT;
    """,
    """
    -- Up to which entry there may be none with a hash, and which one is the newest: so neither all hashes
    -- nor the newest entries can be taken away unseen.
    CREATE TABLE chain (
      one       INTEGER PRIMARY KEY CHECK (one = 1),
      unchained INTEGER NOT NULL,
      newest    INTEGER NOT NULL,
      head      TEXT
    ) STRICT;
    INSERT INTO chain SELECT 1,
      coalesce((SELECT min(id) - 1 FROM entry WHERE hash IS NOT NULL), (SELECT max(id) FROM entry), 0),
      coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'entry'), 0),
      (SELECT hash FROM entry ORDER BY id DESC LIMIT 1);
    """,
    """
    -- What the answers were, beside failures; NULL where nobody looked.
    ALTER TABLE slice ADD COLUMN rejected INTEGER;
    ALTER TABLE slice ADD COLUMN redirected INTEGER;
    ALTER TABLE slice ADD COLUMN cut_off INTEGER;
    ALTER TABLE slice ADD COLUMN waits BLOB;
    """,
  ]

  /// Brings the database to the newest version; throws when a newer program has written it.
  static func run(_ connection: SQLiteConnection) throws(SQLiteError) {
    let version = try version(connection)
    if version == steps.count { return }
    guard version < steps.count else {
      throw SQLiteError(
        message: "it has schema version \(version), and this program knows only \(steps.count)",
        hint: "Use a newer canary")
    }
    try connection.transaction { () throws(SQLiteError) in
      // Another process may have migrated it while this one waited for the lock.
      for step in try self.version(connection)..<steps.count { try connection.script(steps[step]) }
      try connection.script("PRAGMA user_version = \(steps.count)")
    }
  }

  /// Whether the database has the version of this program.
  static func isDone(_ connection: SQLiteConnection) throws(SQLiteError) -> Bool {
    try version(connection) == steps.count
  }

  private static func version(_ connection: SQLiteConnection) throws(SQLiteError) -> Int {
    Int(try connection.run("PRAGMA user_version").first?.first?.int ?? 0)
  }
}
