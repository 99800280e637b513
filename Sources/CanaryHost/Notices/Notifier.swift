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
  /// Variables of the environment that mail programs and commands get beside the usual ones.
  private let variables: @Sendable () -> [String]
  private let environment: [String: String]
  private let facts: @Sendable (ChainLink) async -> NoticeFacts
  private let clock: any WallClock
  private let log: @Sendable (String) -> Void

  init(
    store: any HistoryStore, clock: any WallClock, receivers: @escaping @Sendable () -> [Receiver],
    variables: @escaping @Sendable () -> [String],
    environment: [String: String] = ThisProcess.environment,
    facts: @escaping @Sendable (ChainLink) async -> NoticeFacts,
    log: @escaping @Sendable (String) -> Void
  ) {
    self.store = store
    self.receivers = receivers
    self.variables = variables
    self.environment = environment
    self.facts = facts
    self.clock = clock
    self.log = log
  }

  /// The longest time that one delivery may take.
  private static let limit = Span.seconds(10)
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
          if let fault = await deliver(link, receiver) {
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

  /// Delivers one notice; nil on success, otherwise the fault with secrets redacted.
  private func deliver(_ link: ChainLink, _ receiver: Receiver) async -> String? {
    let body = NoticeBody(link: link, facts: await facts(link), language: receiver.language)
    switch receiver.kind {
    case .mail(let to, let from, let program):
      return await run(program, input: body.mail(to: to, from: from))
    case .command(let words):
      return await run(words, input: body.json + "\n", facts: body.environment)
    case .webhook, .slack, .wecom, .dingtalk, .feishu: return await post(body, receiver)
    }
  }

  private func run(
    _ words: [String], input: String, facts: [String: String] = [:]
  ) async -> String? {
    let variables = variables()
    var secrets = Secrets(environment: environment)
    secrets.hide(variables: variables)
    return await Blocking.runProgram { [secrets] in
      do throws(SpawnError) {
        let ran = try Spawn.run(
          words, limit: Self.limit, environment: facts, inherits: .usual(and: variables),
          input: input)
        if ran.succeeded { return nil }
        return "\(words[0]) failed (\(ran.end)): \(secrets.excerpt(ran.output))"
      } catch {
        return error.description
      }
    }
  }

  private func post(_ body: NoticeBody, _ receiver: Receiver) async -> String? {
    var secrets = Secrets(environment: environment)
    do throws(SourceError) {
      guard let place = receiver.url else { return "has no address" }
      let base = try secrets.value(place)
      secrets.hide(url: base)
      if case .plain = place.place {} else { secrets.hide(secretURL: base) }
      let secret: String? =
        if let kept = receiver.secret { try secrets.value(kept) } else { nil }
      let (url, text) = body.post(receiver.kind, url: base, secret: secret, now: clock.now())
      var question = HTTPRequest(url, limit: Self.limit)
      question.method = "POST"
      question.body = text
      question.headers = [
        ("Content-Type", "application/json"), ("X-Canary-Event", body.event),
        ("X-Canary-Delivery", "\(body.link.id)"),
      ]
      if case .webhook = receiver.kind, let secret {
        let signature = Digest.hex(Digest.hmac(text, key: secret))
        question.headers.append(("X-Canary-Signature", "sha256=\(signature)"))
      }
      for (name, value) in receiver.headers.sorted(by: { $0.key < $1.key }) {
        question.headers.append((name, try secrets.header(name, value)))
      }
      switch await HTTPLoop.shared.send(question) {
      case .success(let answer):
        return NoticeBody.fault(receiver.kind, answer, secrets).map(secrets.redacted)
      case .failure(let error): return secrets.excerpt(error.description, limit: 300)
      }
    } catch {
      return secrets.redacted(error.description)
    }
  }
}
