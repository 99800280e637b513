internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import StatusPage

/// Writes the status page and the metrics; each look writes what has changed.
///
/// Every file is replaced whole, so that a reader never sees half of one.
actor Publisher {
  /// Own queue, so that reading and writing many files blocks no other actor.
  private let executor = QueueExecutor("canary.page")
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  let world: World
  private var cards: [ServiceName: PageCard] = [:]
  /// The list of services as last written.
  private var listed: (text: String, at: Instant)?
  /// The folder and the services for which `prepare` last ran.
  private var prepared: (page: String?, services: [Service])?
  /// When `beat.json` was last written.
  private var beatAt: Instant?
  /// When the metrics were last written.
  private var countedAt: Instant?
  private var totals: PageTotals
  private var fault: String?
  /// Reports to write, newest first.
  private var missing: [(service: Service, rollout: Int)] = []
  /// How many reports this publisher has finished, or skipped as unreadable.
  private var reports = 0

  /// Whether this publisher keeps writing: if so, a page that does not change means that something
  /// is wrong.
  private let isContinuous: Bool

  init(_ world: World, isContinuous: Bool) {
    self.world = world
    self.isContinuous = isContinuous
    totals = PageTotals(world)
  }

  /// How often `beat.json` and the metrics are written, so that their age shows whether a publisher
  /// lives.
  private static let beat = Span.seconds(5)

  /// Writes what has changed since the last look; logs the first of several faults in a row.
  func look() async {
    let config = world.live.config
    let now = world.clock.now()
    if config.page != nil { Watchers.watch(in: config.run) }
    do throws(FileError) {
      try prepare(config)
      await refresh(config, at: now)
      if let page = config.page {
        let list = config.services.compactMap { cards[$0.name]?.summary }.joined(separator: ",\n")
        if list != listed?.text {
          try write("\(page)/status.json", "{\"services\":[\n\(list)\n]}\n")
          listed = (list, now)
          beatAt = nil
        }
        try await writeReport(page)
      }
      if let page = config.page, Instant.isPast(Self.beat, since: beatAt, at: now) {
        beatAt = now
        // The number in `list` changes with the list: Nginx's ETag has whole seconds only.
        try write(
          "\(page)/beat.json",
          JSON.table([
            ("time", .text(now.iso8601)), ("list", .int(Int(listed?.at.milliseconds ?? 0))),
            ("goes_on", .bool(isContinuous)),
          ]).line + "\n"
        )
      }
      if Instant.isPast(Self.beat, since: countedAt, at: now) {
        countedAt = now
        var totals = totals
        let text = await totals.text(
          config.services.compactMap { cards[$0.name] }, config, at: now)
        self.totals = totals
        if let page = config.page { try write("\(page)/metrics", text) }
        if let file = config.metrics { try write(file, text) }
      }
      fault = nil
    } catch {
      if fault == nil {
        world.log("canary: the status page cannot be written: \(error); trying again")
      }
      fault = error.description
      listed = nil
      prepared = nil
    }
  }

  /// Looks until nothing is left to write, at most `most` times.
  func finish(_ most: Int) async {
    for _ in 1...most {
      let written = reports
      await look()
      // The link to a report is written by the look after it.
      if missing.isEmpty, reports == written { return }
    }
  }

  /// Writes the static files and removes those of former services, when the config has changed.
  private func prepare(_ config: Config) throws(FileError) {
    // Comparing an array with itself is cheap: only a reload makes another one.
    if let prepared, prepared.page == config.page, prepared.services == config.services { return }
    prepared = (config.page, config.services)
    cards = [:]
    guard let page = config.page else { return }
    for folder in [page, "\(page)/services", "\(page)/reports"] { try Files.makeFolder(folder) }
    for (name, bytes) in StatusPage.files {
      try write("\(page)/\(name)", String(decoding: bytes, as: UTF8.self))
    }
    // A service that was removed from the config leaves no page behind.
    let known = Set(
      config.services.flatMap { ["\($0.name).json", PageCard.chartFile($0.name)] })
    for name in Files.names(in: "\(page)/services") where !known.contains(name) {
      try Files.remove("\(page)/services/\(name)")
    }
  }

  private func write(_ path: String, _ text: String) throws(FileError) {
    try Files.replace(path, with: text, isSynced: false)
  }

  /// Looks at every service that may have changed.
  private func refresh(_ config: Config, at now: Instant) async {
    // Brakes are told of although the store does not answer.
    let revisions = try? await world.changes.revisions()
    let brakes = await world.router.braked()
    for service in config.services {
      let revision = revisions.map { $0[service.name] ?? 0 } ?? cards[service.name]?.revision ?? 0
      let isBraked = brakes.contains(service.name)
      if let card = cards[service.name], card.revision == revision, card.isBraked == isBraked,
        card.due.map({ !$0.isDue(at: now) }) ?? true
      {
        continue
      }
      var card = cards[service.name] ?? PageCard(service)
      let before = card.history.key
      guard await card.look(world, revision: revision, isBraked: isBraked, page: config.page)
      else { continue }
      if card.history.key != before {
        totals.forgetEnded()
        if config.page != nil { missing += card.history.missing.map { (service, $0) } }
      }
      cards[service.name] = card
      if let page = config.page {
        let folder = "\(page)/services"
        // The charts first: the other file refers to them.
        for (name, text) in [
          (PageCard.chartFile(service.name), card.charts), ("\(service.name).json", card.whole),
        ] {
          if let text { try? write("\(folder)/\(name)", text + "\n") }
        }
      }
      cards[service.name]?.whole = nil
      cards[service.name]?.charts = nil
    }
  }

  /// One report a look, so that a new page on an old host appears at once.
  private func writeReport(_ page: String) async throws(FileError) {
    guard let next = missing.first else { return }
    let record =
      (try? await world.history.record(next.service.name, rollout: next.rollout)) ?? nil
    // Its driver still counts the last requests of the canary: later.
    if isContinuous, let ended = record?.rollout.ended, world.clock.now() < ended + .seconds(3) {
      return missing.append(missing.removeFirst())
    }
    missing.removeFirst()
    reports += 1
    guard let record, let report = try? await RolloutReport(world, next.service, record) else {
      return
    }
    let folder = "\(page)/reports"
    try Files.replace(
      "\(folder)/\(PageHistory.file(next.service.name, next.rollout))",
      with: ReportPage(report).html, isSynced: false)
    for old in PageHistory.surplus(next.service.name, in: folder, newest: next.rollout) {
      try Files.remove("\(folder)/\(old)")
    }
    // The list of rollouts now links to this report.
    cards[next.service.name]?.forgetHistory()
  }
}
