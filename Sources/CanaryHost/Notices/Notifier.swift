internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import Synchronization

/// Sends receivers the entries of the history, each in order.
///
/// The history itself is the queue, and the store keeps each receiver's place in it. When this
/// process is killed right after a delivery, that entry is sent once more, with the same number.
struct Notifier: Sendable {
  private let store: any HistoryStore
  private let receivers: @Sendable () -> [Receiver]
  private let delivery: Delivery
  private let facts: @Sendable (ChainLink) async -> NoticeFacts
  private let clock: any WallClock
  private let log: @Sendable (String) -> Void

  init(
    store: any HistoryStore, clock: any WallClock, receivers: @escaping @Sendable () -> [Receiver],
    variables: @escaping @Sendable () -> [String],
    facts: @escaping @Sendable (ChainLink) async -> NoticeFacts,
    log: @escaping @Sendable (String) -> Void
  ) {
    self.store = store
    self.receivers = receivers
    delivery = Delivery(variables: variables, clock: clock)
    self.facts = facts
    self.clock = clock
    self.log = log
  }

  /// The longest pause before a failed receiver is tried again.
  private static let longestPause = Span.seconds(60)
  /// Entries older than this are skipped.
  private static let stale = Span.hours(24)

  /// Registers new receivers at the newest entry, so that they get notices from now on.
  func begin() async {
    for receiver in receivers() { _ = try? await store.place(of: receiver.name) }
  }

  /// Sends until the task is cancelled; with `once`, until every receiver has every entry.
  ///
  /// A receiver that fails is retried after pauses of 1 s that double up to `longestPause`, so
  /// `once` needs a limit from its caller.
  func run(once: Bool = false) async {
    await begin()
    var resting: [String: (until: Instant, pause: Span)] = [:]
    while !Task.isCancelled {
      let now = clock.now()
      let ready = receivers().filter { resting[$0.name].map { $0.until <= now } ?? true }
      let results = await withTaskGroup(of: (String, Bool).self) { group in
        for receiver in ready { group.addTask { (receiver.name, await deliverPending(receiver)) } }
        var found: [(String, Bool)] = []
        for await one in group { found.append(one) }
        return found
      }
      for (name, isGood) in results {
        guard !isGood else {
          resting[name] = nil
          continue
        }
        let pause = min((resting[name]?.pause ?? .seconds(0.5)) * 2, Self.longestPause)
        resting[name] = (clock.now() + pause, pause)
      }
      if once, results.allSatisfy(\.1), resting.isEmpty { return }
      await clock.sleep(until: clock.now() + .seconds(0.25))
    }
  }

  /// Sends a receiver the entries that it has not got; false when a delivery failed.
  private func deliverPending(_ receiver: Receiver) async -> Bool {
    while !Task.isCancelled {
      guard let place = try? await store.place(of: receiver.name),
        let links = try? await store.links(after: place.told, limit: 100), !links.isEmpty
      else { return true }
      for link in links {
        let isOld = clock.now() - link.entry.time > Self.stale
        let isOwn =
          link.entry.event == .noticeFailed
          && link.entry.detail?.hasPrefix("\(receiver.name): ") == true
        if receiver.wants(link.entry.event, of: link.service), !isOld, !isOwn {
          if let fault = await delivery.give(notice(link, receiver), receiver) {
            await note(receiver, fault, wasFailing: place.isFailing)
            return false
          }
          if place.isFailing { log("notices: \(receiver.name) takes them again") }
        }
        try? await store.setPlace(of: receiver.name, told: link.id)
      }
    }
    return true
  }

  /// Records and logs that a receiver fails; once, until it accepts a notice again.
  private func note(_ receiver: Receiver, _ fault: String, wasFailing: Bool) async {
    guard !wasFailing else { return }
    try? await store.setFailing(receiver.name, at: clock.now())
    log("notices: \(receiver.name): \(fault); it is tried again")
    let entry = Entry(
      rollout: nil, time: clock.now(), event: .noticeFailed, actor: .canary,
      detail: "\(receiver.name): \(fault)")
    try? await store.append(entry, of: nil, patience: nil)
  }

  private func notice(_ link: ChainLink, _ receiver: Receiver) async -> NoticeBody {
    let facts = await facts(link)
    var body = EntryNotice(link: link, facts: facts, language: receiver.language).body
    if receiver.kind == .otlp, let trace = facts.trace { body.json = trace }
    return body
  }
}
