package import CanaryCore
internal import CanaryDriver
package import CanaryHost

// The last two lines: how it ended, in numbers, and what to do next.

extension PipelineLog {
  /// What is known of a rollout that is over.
  package struct Outcome {
    package var rollout: Rollout
    /// What users saw; nil: nothing counts the requests of this service.
    package var harm: Harm?
    /// The canary's share as a worker says it now, or why none does.
    package var share: Result<Weight, Fault>
    /// When the revert was decided; nil: there was none.
    package var decided: Instant?
    /// What runs on the pool that was stable; nil: not known.
    package var stableRelease: String?
    /// The canary's servers.
    package var servers: [String] = []
    package var exit: Int32

    package init(_ rollout: Rollout, share: Result<Weight, Fault>, exit: Int32) {
      self.rollout = rollout
      self.share = share
      self.exit = exit
    }
  }

  /// A line of any words, cut where it would be too long.
  package static func fitted(_ words: String) -> Item {
    var line = FittedLine()
    line.add("          ")
    line.add(flexible: words)
    return Item(text: line.text(width))
  }

  /// The two lines of a rollout that is over.
  package func outcome(_ outcome: Outcome, at now: Instant) -> [Item] {
    let rollout = outcome.rollout
    let isPromoted = rollout.revertReason == nil
    let (pool, release) =
      isPromoted ? (rollout.to, rollout.release) : (rollout.from, outcome.stableRelease)
    let wanted = isPromoted ? Weight.all : .none
    var line = FittedLine()
    line.add("\(zone.clock(rollout.ended ?? now))  \(isPromoted ? "PROMOTED" : "REVERTED")  ")
    switch outcome.share {
    case .success(wanted):
      line.add("all traffic on ")
      add(&line, pool, release)
    case .success(let other):
      line.add("but a worker of Nginx gives ")
      line.add(flexible: rollout.to.text)
      line.add(" \(other) %: canary status \(service)")
    case .failure(let fault):
      add(&line, pool, release)
      line.add(" is stable, but no worker of Nginx confirms where requests go: ")
      line.add(flexible: fault.fact)
    }
    let took = isPromoted ? rollout.started : outcome.decided
    if let took, let ended = rollout.ended, ended > took {
      let span = (ended - took).wordsAtMost
      line.add(isPromoted ? " after \(span)" : ", \(span) after the decision")
    }
    if let harm = outcome.harm { line.add("; \(harm.english)") }
    return aside(rollout) + [
      Item(text: line.text(Self.width), mark: isPromoted ? .plain : .error), next(outcome, now),
    ]
  }

  /// The longest hint that has room beside the rest of the last line.
  private static let longestHint = 130

  /// What to do about the failure, in lines of its own where it is too long for the last one: no
  /// word of it may be cut.
  private func aside(_ rollout: Rollout) -> [Item] {
    guard let hint = rollout.revertReason?.hint, hint.count > Self.longestHint else { return [] }
    let room = Self.width - 10
    var lines: [String] = []
    for word in Text.sanitized(hint, limit: 600).split(separator: " ") {
      if let last = lines.last, last.count + 1 + word.count <= room {
        lines[lines.count - 1] = "\(last) \(word)"
      } else {
        lines.append(String(word.prefix(room)))
      }
    }
    return lines.map { Item(text: "          \($0)") }
  }

  private func add(_ line: inout FittedLine, _ pool: PoolName, _ release: String?) {
    line.add(flexible: pool.text)
    guard let release else { return }
    line.add(" (")
    line.add(flexible: release)
    line.add(")")
  }

  private func next(_ outcome: Outcome, _ now: Instant) -> Item {
    let rollout = outcome.rollout
    var line = FittedLine()
    line.add("          next: ")
    switch rollout.phase {
    case .promoted(let until):
      line.add("to go back until \(zone.text(until, near: now)): canary revert \(service)")
    case .reverted(let reason), .reverting(_, let reason): advise(&line, reason, outcome)
    case .starting, .applying, .soaking, .paused, .finishing:
      line.add("canary status \(service)")
    }
    let report = "   report: canary report \(service) \(rollout.number)"
    // A release's name may be shortened for it; a hint may not.
    let spare = rollout.revertReason?.hint == nil ? 40 : -12
    if line.width - spare + report.count < Self.width { line.add(report) }
    line.add("   (exit \(outcome.exit))")
    return Item(text: line.text(Self.width))
  }

  private func advise(_ line: inout FittedLine, _ reason: Reason, _ outcome: Outcome) {
    if let hint = reason.hint {
      return line.add(
        flexible: hint.count > Self.longestHint ? "as said above, then promote again" : hint)
    }
    switch reason.kind {
    case .person: line.add("when it is to go on: canary promote \(service)")
    case .outside: line.add("mend what failed, then promote again")
    case .gate:
      guard ["check ", "guard ", "the canary pool "].contains(where: reason.text.hasPrefix) else {
        return line.add("see what held it, then promote again")
      }
      line.add("fix ")
      line.add(flexible: outcome.rollout.release ?? outcome.rollout.to.text)
      if let first = outcome.servers.first {
        line.add(" on ")
        line.add(flexible: first)
        if outcome.servers.count > 1 { line.add(" and \(outcome.servers.count - 1) more") }
      }
      line.add(", then promote again")
    }
  }

  // MARK: ends that are none of the rollout

  /// The two lines of a promote that ends while its rollout goes on.
  package func left(_ state: ServiceState?, why: String, exit: Int32, at now: Instant) -> [Item] {
    var line = FittedLine()
    line.add("\(zone.clock(now))  LEFT      \(why); the rollout goes on")
    if let state {
      line.add(": ")
      line.add(flexible: Wording.sentence(state))
    }
    let stop = "stop: canary revert \(service)   (exit \(exit))"
    let watch = "          next: watch: canary status \(service) --watch   "
    let isShort = watch.count + stop.count <= Self.width
    return [
      Item(text: line.text(Self.width), mark: .warning),
      Item(text: (isShort ? watch : "          next: ") + stop),
    ]
  }

  /// The two lines of a revert whose clean configuration Nginx refuses; `unseen` says why it is not
  /// known where requests go, nil: the brake works.
  package func braked(
    stable: PoolName, unseen: String?, fault: Fault, exit: Int32, at now: Instant
  ) -> [Item] {
    var line = FittedLine()
    line.add("\(zone.clock(now))  ")
    if let unseen {
      line.add("BRAKED    WHERE REQUESTS GO IS NOT KNOWN: ")
      line.add(flexible: unseen)
    } else {
      line.add("BRAKED    all new requests go to ")
      line.add(flexible: stable.text)
      line.add(" by the brake, which stays on")
    }
    line.add("; Nginx refused the clean configuration: ")
    line.add(flexible: fault.fact)
    return [
      Item(text: line.text(Self.width), mark: .error),
      Item(text: "          next: fix Nginx, then: canary revert \(service)   (exit \(exit))"),
    ]
  }
}
