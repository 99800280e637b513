/// When the stages of a rollout were in force, by its history.
///
/// A log whose lines do not name their stage can be replayed by these times.
package struct RecordedStages: Hashable, Sendable {
  /// The switches to its stages, and a last one that ends them.
  package let times: SwitchTimes
  /// When each stage was seen to be in force, by its generation.
  package let began: [Int: Instant]

  /// The history has when a stage was in force, but not when it was asked for: shortly before.
  private static let longestSwitch = Span.seconds(1)

  private static func change(at time: Instant, after former: StageSwitch?, to generation: Int)
    -> StageSwitch
  {
    StageSwitch(
      asked: max((time - longestSwitch).milliseconds, former?.seen ?? 0),
      seen: time.milliseconds + 1, generation: generation)
  }

  /// The stages of the rollout that has these entries; nil when it reached none.
  package init?(_ entries: [Entry]) {
    let begun = entries.filter { $0.event == .stage }
    let named = begun.compactMap(Self.generation)
    // Without its number a stage is as good as any other that is one higher.
    let isNamed = named.count == begun.count && zip(named, named.dropFirst()).allSatisfy { $0 < $1 }
    var switches: [StageSwitch] = []
    for (index, entry) in begun.enumerated() {
      switches.append(
        Self.change(
          at: entry.time, after: switches.last, to: isNamed ? named[index] : index + 1))
    }
    began = Dictionary(zip(switches.map(\.generation), begun.map(\.time))) { $1 }
    let end = entries.first { $0.event == .reverting || $0.event == .promoted }
    if let end, let last = switches.last {
      var change = Self.change(at: end.time, after: last, to: last.generation + 1)
      // A revert is noted when it is asked for, and what decided it came just before. What came
      // after the end is not this rollout's.
      if end.event == .reverting {
        change.asked = max(end.time.milliseconds + SwitchTimes.usualLag, last.seen)
      }
      change.seen = .max
      switches.append(change)
    }
    guard let times = SwitchTimes(switches) else { return nil }
    self.times = times
  }

  /// The number at the end of `stage 2 of 5 (10%), generation 43`.
  private static func generation(_ entry: Entry) -> Int? {
    entry.detail?.split(separator: " ").last.flatMap { Int($0) }
  }

  package var generations: Set<Int> { Set(began.keys) }

  /// The generations of the stages that began within this time.
  package func generations(within span: ClosedRange<Instant>) -> Set<Int> {
    Set(began.filter { span.contains($0.value) }.keys)
  }
}
