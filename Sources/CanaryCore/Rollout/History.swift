/// One line of the history; saved together with the state that it explains.
package struct Entry: Hashable, Sendable {
  /// Nil: outside of any rollout.
  package var rollout: Int?
  package var time: Instant
  package var event: HistoryEvent
  package var weight: Weight?
  package var actor: Actor
  /// What happened, and why.
  package var detail: String?
  /// What to do about it.
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

/// What the history keeps of one check in one stage.
package struct KeptMeasurement: Hashable, Sendable {
  package enum What: Hashable, Sendable {
    /// The nth measurement of a check and the verdict on it; judged once more on the grounds, it says the same.
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

  /// Whether the nth measurement of a check is one of those that are kept: the first 16 and, of each doubling after that,
  /// 8 more.
  ///
  /// So many measurements say how a stage went, and the number of rows grows with the logarithm of its length.
  package static func keeps(_ number: Int) -> Bool {
    var step = 1
    while number >= 16 * step { step *= 2 }
    return number % step == 0
  }
}

/// What the history keeps of one check in one stage.
package struct CheckRecord: Hashable, Sendable {
  package struct Row: Hashable, Sendable {
    package var number: Int
    /// What the verdict rested on beside the measurement.
    package var grounds: CheckState
    package var measurement: Measurement
    /// The verdict that was given then.
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

/// One entry as it stands in the chain.
package struct ChainLink: Hashable, Sendable {
  package var id: Int64
  /// Nil: of no service.
  package var service: ServiceName?
  package var entry: Entry
  /// Over the entry and over the hash of the one before; nil for one from before there were any.
  package var hash: String?

  package init(id: Int64, service: ServiceName?, entry: Entry, hash: String?) {
    self.id = id
    self.service = service
    self.entry = entry
    self.hash = hash
  }

  /// What stands for no service where a name is expected.
  package static let noService = "-"
}

/// What a look at the whole chain found.
package struct ChainReport: Hashable, Sendable {
  package var count = 0
  /// Entries from before the history was a chain; the first hash covers them all.
  package var unchained = 0
  /// The hash of the newest entry: kept elsewhere, it shows later that nothing before it was changed.
  package var head: String?
  /// What is wrong, at the first entry that does not fit.
  package var fault: String?

  package init() {}
}
