// When the evidence is enough for a revert, against what, and what is said of it then.

extension ComparisonJudge {
  /// The evidence: a canary that is no worse ever reaches it in at most 1 of this many rollouts.
  package var evidence: Double {
    compared + boundCapital * boundWealth.total + silenceCapital * silence.wealth.total
  }

  private var compared: Double {
    subjects.reduce(0) { $1.check.advisory ? $0 : $0 + $1.capital * $1.wealth.total }
  }

  /// The gating check that raised the alarm; nil: none did.
  package var accused: CheckName? {
    alarms.first { alarm in
      subjects.contains { $0.check.name == alarm.check && !$0.check.advisory }
    }?.check
  }

  /// Raises the alarms for which the evidence is enough; the gating checks together raise one.
  mutating func soundAlarm(_ milliseconds: Int64) {
    for subject in subjects where subject.check.advisory {
      if subject.wealth.total >= 1 / alpha, subject.canaryBad >= Self.leastBad {
        sound(subject, subject.wealth.total, milliseconds)
      }
    }
    guard accused == nil else { return }
    let silent = silenceCapital * silence.wealth.total
    let ratio = compared + silent
    let all = ratio + boundCapital * boundWealth.total
    guard all >= 1 / alpha, let leader else { return }
    if silent > weight(leader), let failures {
      return sound(subjects[failures], all, milliseconds, due: silence.due)
    }
    guard subjects[leader].canaryBad >= Self.leastBad else { return }
    if isAlone { return sound(subjects[leader], all, milliseconds, alone: true) }
    // A fault may be shared: where only the bound speaks, the last minute must lean against the
    // canary too. What is said is the weaker of the two.
    let lean = Stratum(stable: trailing.stable, canary: trailing.canary).lean
    guard max(ratio, lean) >= 1 / alpha else { return }
    sound(subjects[leader], max(ratio, min(all, lean)), milliseconds)
  }

  private mutating func sound(
    _ subject: Subject, _ evidence: Double, _ milliseconds: Int64, due: Int? = nil,
    alone: Bool = false
  ) {
    guard !alarms.contains(where: { $0.check == subject.check.name }) else { return }
    var (canary, stable) = countsToShow(subject)
    if due != nil {
      canary = BadCount(silence.answered)
      stable = BadCount(silence.requests - silence.answered)
    }
    alarms.append(
      Alarm(
        check: subject.check.name, evidence: evidence, canary: canary, stable: stable,
        milliseconds: milliseconds, due: due, bound: alone ? bound : nil,
        compare: subject.check.compare))
  }

  /// Two failures may be a coincidence.
  private static let leastBad = 3

  /// Whether the gating comparison of this name contributes most to the evidence.
  func leads(_ check: CheckName) -> Bool {
    leader.map { subjects[$0].check.name == check } ?? false
  }

  /// The gating comparison that contributes most; nil: there is none.
  private var leader: Int? {
    subjects.indices.filter { !subjects[$0].check.advisory }.max {
      weight($0) < weight($1)
    }
  }

  private func weight(_ index: Int) -> Double {
    subjects[index].capital * subjects[index].wealth.total
      + (index == failures ? boundCapital * boundWealth.total : 0)
  }

  /// The counts to show: the stage's, or the last minute's where they say more.
  func countsToShow(_ subject: Subject) -> (canary: BadCount, stable: BadCount) {
    guard subject.check.compare == .failures else { return (subject.canary, subject.stable) }
    let minute = Stratum(stable: trailing.stable, canary: trailing.canary)
    let whole = Stratum(stable: subject.stable, canary: subject.canary)
    return minute.lean > whole.lean && minute.canary.bad > 0
      ? (minute.canary, minute.stable) : (whole.canary, whole.stable)
  }
}
