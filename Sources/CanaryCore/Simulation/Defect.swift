/// What a bad canary does to its requests, beside failing and being slow.
package enum Defect: String, Hashable, Sendable, CaseIterable {
  case unauthorized = "401"
  case forbidden = "403"
  case missing = "404"
  case limited = "429"
  /// Every second request is answered with 404.
  case halfMissing = "half-404"
  case redirect = "302"
  case empty
  /// Two bytes.
  case tiny
  /// Two of five answers end before their end.
  case cutOff = "cut-off"
  /// It never answers, and its clients give up after two seconds.
  case hangs
  /// Three of four requests leave no line in the log.
  case unlogged
}

/// Gives invented requests what an ordinary service answers, and a bad canary what its defect makes
/// of it.
///
/// In 3 % it is what scanners get (404), in 2 % a redirect, and one client of 500 gives up.
struct AnswerMaker: Sendable {
  private let defect: Defect?
  private var dice: Dice

  /// What a line of the log would say of one request.
  struct Line {
    /// Nil: its client gave up.
    var failed: Bool?
    var latency: Int64
    var answer: Answer
    /// Whether the defect has changed it.
    var isHurt = false
  }

  init(_ scenario: Scenario, seed: UInt64) {
    defect = scenario.defect
    dice = Dice(seed: seed ^ 0x5eed)
  }

  /// The line of a request; nil: it leaves none.
  mutating func line(isBad: Bool, failed: Bool, latency: Int64) -> Line? {
    let chance = dice.share()
    var line = Line(failed: failed, latency: latency, answer: ordinary(chance))
    if line.answer.signs == .abandoned { line.failed = nil }
    if failed { line.answer = Answer() }
    guard isBad, let defect, let change = change(defect) else { return line }
    line.isHurt = true
    switch change {
    case .nothing: return nil
    case .abandoned:
      return Line(failed: nil, latency: 2000, answer: Answer(.abandoned), isHurt: true)
    case .cut:
      line.failed = true
      line.answer = Answer(.cutOff)
    case .answer(let answer):
      line.failed = false
      line.answer = answer
    }
    return line
  }

  private func ordinary(_ chance: Double) -> Answer {
    switch chance {
    case ..<0.03: Answer(.rejected)
    case ..<0.05: Answer(.redirected)
    case ..<0.052: Answer(.abandoned)
    // From 200 to 8,000 bytes.
    default: Answer(size: Int64(200 + 7800 * (chance - 0.052)))
    }
  }

  private enum Change {
    case nothing, abandoned, cut
    case answer(Answer)
  }

  private mutating func change(_ defect: Defect) -> Change? {
    switch defect {
    case .unauthorized, .forbidden, .missing, .limited: .answer(Answer(.rejected))
    case .halfMissing: dice.share() < 0.5 ? .answer(Answer(.rejected)) : nil
    case .redirect: .answer(Answer(.redirected))
    case .empty: .answer(Answer(size: 0))
    case .tiny: .answer(Answer(size: 2))
    case .cutOff: dice.share() < 0.4 ? .cut : nil
    case .hangs: .abandoned
    case .unlogged: dice.share() < 0.75 ? .nothing : nil
    }
  }
}
