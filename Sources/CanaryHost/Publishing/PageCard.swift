internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// Cached page output of one service, and the state for the next update.
struct PageCard {
  let service: Service
  /// The service's revision when it was last looked at; nil: not yet.
  private(set) var revision: Int?
  private(set) var isBraked = false
  /// When to look again although no process has saved; nil: not by itself.
  private(set) var due: Pending?
  private(set) var summary = ""
  private(set) var metrics = MetricsText()
  private(set) var history = PageHistory()
  /// How long the last rollout that a gate reverted took to be detected; nil: not computed yet.
  private var detected: Detection?
  /// Requests by pool since this card was made; the process's counters for the metrics.
  private(set) var counts: [PoolName: PoolCounts] = [:]
  /// The number of the running rollout.
  private(set) var running: Int?
  /// How often each check's source did not answer in the running rollout.
  private(set) var errors: [String: Int] = [:]
  private var pastErrors: [SourceErrors] = []
  /// Text to write to the service's file; nil: there is no page, or nothing has changed.
  var whole: String?
  /// Text to write to the file of charts; nil: nothing has changed.
  var charts: String?
  /// The rollout in the file of charts, and when they were drawn.
  private var drawn: (rollout: Int, at: Instant)?
  private var entries: [Entry] = []
  private var series: PageSeries?
  /// The last second that `counts` includes, since 1970.
  private var counted: Int64?

  /// The running rollout as last read, for a state that cannot be read any more.
  private var last: ServiceState?

  private struct Detection {
    /// From the first failed try on the canary to the decision; nil: there is none, or it is not
    /// known yet.
    var seconds: Double?
  }

  init(_ service: Service) { self.service = service }

  /// How many seconds after a second its requests are surely in the store.
  private static let settling: Int64 = 10

  /// Updates the card; false when nothing is known of the service.
  ///
  /// `page` is the folder of the status page; nil: only metrics are wanted.
  mutating func look(
    _ world: World, revision: Int, isBraked: Bool, page: String?
  ) async -> Bool {
    var read = try? await StatusReport(world, service, looksAtNginx: false)
    if read == nil {
      // Its brake is shown all the same, beside what was known last.
      let known = if let last { last } else { await world.first(service) }
      read = try? await StatusReport(world, service, looksAtNginx: false, known: known)
    }
    guard let report = read else { return false }
    let state = report.state
    last = state.running == nil ? nil : state
    let now = report.now
    if revision != self.revision || history.isStale {
      entries = (try? await world.history.history(service.name, limit: 1))?.first?.entries ?? []
      if await history.look(world, service, state.rollout, page: page) { detected = nil }
      pastErrors =
        state.running == nil
        ? []
        : (try? await world.history.sourceErrors(
          of: (service.name, state.running?.number ?? 0)))
          ?? []
    }
    running = state.running?.number
    errors = [:]
    for row in pastErrors { errors[row.check, default: 0] += row.count }
    for check in state.running?.checks ?? [] {
      if check.totals.error > 0 { errors[check.name.text, default: 0] += check.totals.error }
    }
    self.revision = revision
    self.isBraked = isBraked
    let settled = state.rollout?.ended.map { $0 + .seconds(Double(Self.settling + 5)) }
    let isActive = state.running != nil || settled.map { now < $0 } ?? false
    if detected == nil || (isActive && state.running == nil && detected?.seconds == nil) {
      detected = Detection(seconds: await Self.detection(world, service, history.broken))
    }
    due =
      isActive
      ? .at(now + .seconds(0.4)) : state.freeze?.until.flatMap { $0 > now ? .at($0) : nil }
    if isActive, let rollout = state.rollout {
      await count(world, rollout, until: now)
      if page != nil { await draw(world, rollout, at: now) }
    } else if drawn?.rollout != state.rollout?.number, let page {
      // An earlier publisher may have drawn how it ended: keep its charts.
      drawn = state.rollout.flatMap { Self.kept($0.number, page, service.name) }
    }
    let data = PageData(report: report)
    summary = data.summary.line
    metrics = ServiceMetrics.text(report, counts, detected?.seconds)
    if page != nil {
      let charted = drawn?.rollout == state.rollout?.number ? drawn?.at : nil
      whole = data.whole(entries: entries, charted: charted, history: history.json).line
    }
    return true
  }

  /// Makes the next look read the list of rollouts again, at once.
  mutating func forgetHistory() {
    history.isStale = true
    due = .now
  }

  /// Draws the charts when a column's time has passed, 10 s at most, and whenever the rollout is
  /// over.
  ///
  /// Earlier, the picture would not change.
  private mutating func draw(_ world: World, _ rollout: Rollout, at now: Instant) async {
    let width = Span.seconds(min(10, Double(series?.length ?? 1)))
    guard
      drawn?.rollout != rollout.number || Instant.isPast(width, since: drawn?.at, at: now)
        || rollout.ended != nil
    else {
      return
    }
    if series?.rollout != rollout.number { series = PageSeries(rollout) }
    await series?.grow(
      world.logs, service.name, until: rollout.ended ?? now, isOver: rollout.ended != nil)
    charts = series?.json
    drawn = (rollout.number, now)
  }

  static func chartFile(_ service: ServiceName) -> String { "\(service).charts.json" }

  /// The charts of that rollout that an earlier publisher left in the page; nil: there are none.
  private static func kept(
    _ rollout: Int, _ page: String, _ service: ServiceName
  ) -> (rollout: Int, at: Instant)? {
    let path = "\(page)/services/\(chartFile(service))"
    guard let text = Files.ownContents(path, limit: 1 << 20),
      text.hasPrefix("{\"rollout\":\(rollout),"), let signature = Files.signature(of: path)
    else { return nil }
    return (rollout, signature.time)
  }

  /// Adds the requests of the seconds that are complete.
  ///
  /// The first call only sets where counting starts: seconds before this card are not counted.
  private mutating func count(_ world: World, _ rollout: Rollout, until now: Instant) async {
    let last = now.second - Self.settling
    guard let from = counted.map({ $0 + 1 }) else {
      counted = max(rollout.started.second - 1, last)
      return
    }
    guard last >= from,
      let slices = try? await world.logs.slices(service.name, since: from, through: last).slices
    else { return }
    for slice in slices { counts[slice.pool, default: PoolCounts()].merge(slice.counts) }
    counted = last
  }

  /// From the first failed try on the canary to the decision, in seconds; nil when either is not
  /// known.
  private static func detection(
    _ world: World, _ service: Service, _ rollout: Int?
  ) async -> Double? {
    guard let rollout,
      let record = (try? await world.history.record(service.name, rollout: rollout)) ?? nil,
      let report = try? await RolloutReport(world, service, record),
      let failing = report.failing, let decided = report.decided
    else { return nil }
    return max(0, (decided - failing.first).seconds)
  }
}

/// The newest rollouts of a service, and which of them have a report on the page.
struct PageHistory {
  struct Key: Hashable {
    var number: Int
    var isOver: Bool
  }

  /// The newest rollout when the list was read.
  private(set) var key: Key?
  private(set) var json = "[]"
  /// Rollouts that are over and have no report on the page yet, newest first.
  private(set) var missing: [Int] = []
  /// The newest rollout that a gate reverted.
  private(set) var broken: Int?
  /// The list must be read again although no rollout started or ended.
  var isStale = false

  /// How many rollouts the list and the page keep.
  static let most = 100

  static func file(_ service: ServiceName, _ number: Int) -> String { "\(service)-\(number).html" }

  /// Reads the list again when a rollout has started or ended, or the list is stale; true only when
  /// one has.
  mutating func look(
    _ world: World, _ service: Service, _ newest: Rollout?, page: String?
  ) async -> Bool {
    let now = newest.map { Key(number: $0.number, isOver: $0.phase.isOver) }
    guard now != key || isStale else { return false }
    guard
      let rollouts = newest == nil
        ? [] : try? await world.history.rollouts(service.name, limit: Self.most)
    else { return false }
    let folder = page.map { "\($0)/reports" }
    let has = { (number: Int) in
      folder.map { Files.exists("\($0)/\(Self.file(service.name, number))") } ?? false
    }
    let isNew = now != key
    key = now
    isStale = false
    broken = rollouts.first { $0.isBroken }?.number
    missing = rollouts.filter { $0.phase.isOver && !has($0.number) }.map(\.number)
    json = PageData.history(rollouts) { has($0) ? "reports/\(Self.file(service.name, $0))" : nil }
    return isNew
  }

  /// Files of reports whose rollouts are no longer in the list.
  static func surplus(_ service: ServiceName, in folder: String, newest: Int) -> [String] {
    Files.names(in: folder).filter { name in
      guard name.hasPrefix("\(service)-"), name.hasSuffix(".html"),
        let number = Int(name.dropFirst(service.text.count + 1).dropLast(5))
      else { return false }
      return number <= newest - most
    }
  }
}

extension Rollout {
  fileprivate var isBroken: Bool {
    if case .reverted(let reason) = phase { reason.kind == .gate } else { false }
  }
}
