/// A program that is run beside a rollout, as words and not as a line for a shell.
package struct Hook: Hashable, Sendable, Codable {
  package var words: [String]
  package var timeout: Span
  /// Of an `after_promote` hook: not before the former pool is no longer kept.
  package var retained: Bool

  package init(words: [String], timeout: Span = .minutes(5), retained: Bool = false) {
    self.words = words
    self.timeout = timeout
    self.retained = retained
  }
}

/// When a hook is run.
package enum Moment: String, Hashable, Sendable, Codable, CaseIterable {
  case beforeRollout = "before_rollout"
  case beforeStage = "before_stage"
  case afterStage = "after_stage"
  case afterPromote = "after_promote"
  case afterRevert = "after_revert"

  /// Whether the rollout waits for it, and goes back when it fails.
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

/// What a hook is told, as environment and as JSON.
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
}

/// One run of a hook; its number is what keeps it from being run twice.
package struct Job: Hashable, Sendable, Codable {
  package var number: Int
  /// When it was decided on; with the number it tells one job from all others, even of a store that is gone.
  package var asked: Instant
  package var hook: Hook
  package var facts: HookContext
  /// Not before then; nil: at once, in turn.
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
