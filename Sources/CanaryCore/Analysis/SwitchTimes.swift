/// A change from one stage to the next that took place without a reload.
package struct StageSwitch: Hashable, Sendable {
  /// When the router was first asked for the stage, in milliseconds since 1970.
  ///
  /// No request that was drawn before this met the stage.
  package var asked: Int64
  /// When the stage was seen to be in force, in milliseconds since 1970.
  ///
  /// Every request that begins from now on meets the stage.
  package var seen: Int64
  /// The generation of the stage, by which strata are told apart.
  package var generation: Int
  /// Which circles of the plan's `only` are drawn, from the first on; nil: everybody is.
  package var circles: Int?
  /// The seats that meet the canary; nil: they are not known.
  package var met: Met?

  /// The seats that meet the canary in a stage.
  package struct Met: Hashable, Sendable {
    package var weight: Weight
    package var preview: Bool

    package init(weight: Weight, preview: Bool) {
      self.weight = weight
      self.preview = preview
    }
  }

  package init(asked: Int64, seen: Int64, generation: Int) {
    self.asked = asked
    self.seen = seen
    self.generation = generation
  }

  /// The switch to the stage of a measurement.
  package init(_ context: StageContext) {
    asked = context.asked.milliseconds
    // An instant has lost its part of a millisecond, in which a request may have begun.
    seen = context.since.milliseconds + 1
    generation = context.generation.number
    let stage = context.plan.stages[context.stage]
    met = Met(weight: stage.weight, preview: stage.preview ?? true)
    if let only = stage.only {
      circles = (Seating(of: context.plan).circles.firstIndex(of: only) ?? 0) + 1
    }
  }
}

/// Tells the stage that a request belongs to by time, where no line of the log names it.
///
/// A request is drawn once its head is there and before its first try. So it surely met a stage
/// when it began after that was seen to be in force, and surely did not when its first try began
/// before that was asked for. In between nothing tells, and such a request is compared with none.
/// This rule depends on nothing that the pool did, so it selects no fast or slow answers
/// (docs/judge.md, "Stages without a reload").
package struct SwitchTimes: Hashable, Sendable {
  /// The newest switch, and those before it, the oldest first.
  private var newest: StageSwitch
  private var former: [StageSwitch] = []
  /// How much later than Nginx's clock says a request may have been drawn, in milliseconds.
  private let lag: Int64

  /// Nginx reads the clock when it wakes up: its time is never ahead, but behind by what a worker
  /// has done since, or has waited for a processor.
  ///
  /// Seldom more than 3 ms; a quarter of a second costs nothing, since a stage that is left was
  /// judged by what came before.
  static let usualLag: Int64 = 250
  /// A request older than so many switches is told by the oldest of them.
  private static let most = 64

  /// Nil without a switch.
  ///
  /// `timerResolution` is the directive of that name, which lets Nginx read the clock less often.
  package init?(_ switches: [StageSwitch], timerResolution: Span = .zero) {
    let sorted = switches.sorted { $0.generation < $1.generation }
    guard let first = sorted.first else { return nil }
    newest = first
    lag = Self.usualLag + timerResolution.milliseconds
    for one in sorted.dropFirst() { add(one) }
  }

  /// Adds a switch to a later stage; false: it is no later one.
  @discardableResult
  package mutating func add(_ stage: StageSwitch) -> Bool {
    guard stage.generation > newest.generation else { return false }
    var stage = stage
    former.append(newest)
    // Where a stage lasted no time, or the clock was set back, the stages cannot be told apart.
    while let last = former.last, last.seen > stage.asked {
      stage.asked = min(stage.asked, last.asked)
      former.removeLast()
    }
    if former.count > Self.most { former.removeFirst() }
    newest = stage
    return true
  }

  /// The generation of the stage that drew a request; nil: a switch was too near to tell.
  ///
  /// What began before the first switch has a generation that is one lower. `start` is when the
  /// request began and `tried` when its first try began at the latest, by Nginx's clock in
  /// milliseconds since 1970.
  @inline(__always)
  package func generation(start: Int64, tried: @autoclosure () -> Int64) -> Int? {
    start >= newest.seen ? newest.generation : earlier(start, max(start, tried()) + lag)
  }

  @inline(never)
  private func earlier(_ start: Int64, _ drawn: Int64) -> Int? {
    var next = newest
    for stage in former.reversed() {
      if start >= stage.seen { return drawn < next.asked ? stage.generation : nil }
      next = stage
    }
    return drawn < next.asked ? next.generation - 1 : nil
  }

  /// Whether a stage draws the requests of a circle, nil: of none.
  ///
  /// Outside of its `only` a request keeps its number, but meets stable whatever that is.
  @inline(__always)
  func draws(_ generation: Int?, circle: Int?) -> Bool {
    guard generation == newest.generation else {
      return former.first { $0.generation == generation }.map { $0.draws(circle) } ?? true
    }
    return newest.draws(circle)
  }

  /// Whether a request of the stage in force must have met the canary by its seat; nil: nothing
  /// tells.
  @inline(__always)
  func meets(_ seat: LoggedSeat, start: Int64) -> Bool? {
    guard start >= newest.seen, let met = newest.met else { return nil }
    switch seat.way {
    case .drawn: return seat.bound.map { $0 < met.weight.basisPoints && newest.draws(seat.circle) }
    case .preview: return met.preview ? true : nil
    case .never: return false
    case .excluded, .shadow: return nil
    }
  }
}

extension StageSwitch {
  func draws(_ circle: Int?) -> Bool {
    circles.map { circles in circle.map { $0 <= circles } ?? false } ?? true
  }
}
