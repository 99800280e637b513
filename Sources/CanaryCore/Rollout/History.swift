/// One line of the history, saved together with the state that it explains.
package struct Entry: Hashable, Sendable {
  /// Nil: the entry belongs to no rollout.
  package var rollout: Int?
  package var time: Instant
  package var event: HistoryEvent
  package var weight: Weight?
  package var actor: Actor
  /// What happened, and why.
  package var detail: String?
  /// What you can do about it.
  package var hint: String?

  package init(
    rollout: Int?, time: Instant, event: HistoryEvent, weight: Weight? = nil, actor: Actor,
    detail: String? = nil, hint: String? = nil
  ) {
    self.rollout = rollout
    self.time = time
    self.event = event
    self.weight = weight
    self.actor = actor
    self.detail = detail
    self.hint = hint
  }
}

/// One measurement of a check, or its totals, to be added to the history.
package struct KeptMeasurement: Hashable, Sendable {
  package enum What: Hashable, Sendable {
    /// The nth measurement of a check and its verdict; judged again on the same grounds, it gives
    /// the same verdict.
    indirect case measured(Measurement, number: Int, grounds: CheckState, Verdict)
    /// The check at the end of the stage, with its totals.
    indirect case end(CheckState)
  }

  package var rollout: Int
  package var stage: Int
  package var what: What

  package init(rollout: Int, stage: Int, _ what: What) {
    self.rollout = rollout
    self.stage = stage
    self.what = what
  }

  /// Whether the history keeps the nth measurement of a check, counted from 1.
  ///
  /// The first 16 are kept and, of each doubling after that, 8 more. That is enough to show how a
  /// stage went, and the number of rows grows only with the logarithm of its length.
  package static func keeps(_ number: Int) -> Bool {
    var step = 1
    while number >= 16 * step { step *= 2 }
    return number % step == 0
  }
}

/// Everything that the history has kept of one check in one stage.
package struct CheckRecord: Hashable, Sendable {
  package struct Row: Hashable, Sendable {
    package var number: Int
    /// What the verdict rested on besides the measurement.
    package var grounds: CheckState
    package var measurement: Measurement
    /// The verdict given at that time.
    package var verdict: Verdict

    package init(number: Int, grounds: CheckState, measurement: Measurement, verdict: Verdict) {
      self.number = number
      self.grounds = grounds
      self.measurement = measurement
      self.verdict = verdict
    }
  }
  package var stage: Int
  package var name: CheckName
  package var rows: [Row] = []
  /// The check at the end of the stage, with its exact totals; nil while the stage lasts.
  package var end: CheckState?

  package init(stage: Int, name: CheckName) {
    self.stage = stage
    self.name = name
  }
}

/// One entry and its place in the chain of hashes.
package struct ChainLink: Hashable, Sendable {
  package var id: Int64
  /// Nil: the entry belongs to no service.
  package var service: ServiceName?
  package var entry: Entry
  /// The hash over this entry and the previous hash; nil: the entry is older than the chain.
  package var hash: String?

  package init(id: Int64, service: ServiceName?, entry: Entry, hash: String?) {
    self.id = id
    self.service = service
    self.entry = entry
    self.hash = hash
  }

  /// The text stored as the service of an entry that belongs to none.
  package static let noService = "-"
}

/// The result of verifying the whole chain.
package struct ChainReport: Hashable, Sendable {
  package var count = 0
  /// Entries from before the history was a chain; the first hash covers them all.
  package var unchained = 0
  /// The hash of the newest entry.
  ///
  /// A copy of it, kept elsewhere, shows later that no entry up to it was changed.
  package var head: String?
  /// What is wrong, at the first entry that does not fit; nil: the chain is intact.
  package var fault: String?

  package init() {}
}
