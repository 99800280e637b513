/// A program to run at a moment of a rollout, as a list of arguments and not as a line for a shell.
package struct Hook: Hashable, Sendable, Codable {
  package var words: [String]
  package var timeout: Span
  /// Of an `after_promote` hook: whether it runs only when the former pool is no longer kept.
  package var retained: Bool

  package init(words: [String], timeout: Span = .minutes(5), retained: Bool = false) {
    self.words = words
    self.timeout = timeout
    self.retained = retained
  }
}

/// A point of a rollout at which hooks run.
package enum Moment: String, Hashable, Sendable, Codable, CaseIterable {
  case beforeRollout = "before_rollout"
  case beforeStage = "before_stage"
  case afterStage = "after_stage"
  case afterPromote = "after_promote"
  case afterRevert = "after_revert"

  /// Whether the rollout waits for hooks of this moment, and is reverted when one fails.
  package var isGating: Bool { self == .beforeRollout || self == .beforeStage }
}

/// The hooks of a service, as they were when its rollout began.
package struct Hooks: Hashable, Sendable, Codable {
  private var list: [Moment: [Hook]] = [:]
  package init() {}
  package subscript(moment: Moment) -> [Hook] {
    get { list[moment] ?? [] }
    set { list[moment] = newValue.isEmpty ? nil : newValue }
  }
  package var isEmpty: Bool { list.isEmpty }
}

/// What a hook receives, as environment variables and as JSON.
package struct HookContext: Hashable, Sendable, Codable {
  package var service: ServiceName
  package var rollout: Int
  package var moment: Moment
  package var from: PoolName
  package var to: PoolName
  package var release: String?
  package var stage: Int?
  package var stages: Int
  package var weight: Weight?
  package var reason: String?
  package var actor: String
  @Sparse package var meta = Meta()
}

/// One run of a hook; its number ensures that it does not run twice.
package struct Job: Hashable, Sendable, Codable {
  package var number: Int
  /// When the run was decided; with the number it identifies the job, even if the store is lost.
  package var asked: Instant
  package var hook: Hook
  package var facts: HookContext
  /// Not before this instant; nil: as soon as its turn comes.
  package var due: Instant?

  package var words: String {
    let stage = facts.stage.map { " of stage \($0 + 1)" } ?? ""
    return
      "\(facts.moment.rawValue)\(stage): \(Text.sanitized(hook.words.joined(separator: " "), limit: 200))"
  }
}

/// How a hook ended.
package struct JobEnd: Hashable, Sendable, Codable {
  package var isGood: Bool
  /// The exit status and the end of what it printed.
  package var text: String

  package init(isGood: Bool, text: String) {
    self.isGood = isGood
    self.text = text
  }
}
