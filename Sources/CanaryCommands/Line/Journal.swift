internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost
internal import Glibc

/// What a program that nobody watches says: one line an event, with how much it matters.
///
/// The system's journal gets that as a priority (sd-daemon(3)), anything else as a word.
struct Journal: Sendable {
  enum Level: Sendable { case info, warning, error }

  let output: Output
  private let isJournald: Bool

  init(_ output: Output) {
    self.output = output
    isJournald = Self.isConnected(ThisProcess.environment["JOURNAL_STREAM"])
  }

  /// Whether standard error is the stream to the journal that systemd names.
  ///
  /// The variable alone says nothing: a child may inherit it with another standard error.
  private static func isConnected(_ named: String?) -> Bool {
    var facts = stat()
    guard let named, fstat(2, &facts) == 0 else { return false }
    return named == "\(facts.st_dev):\(facts.st_ino)"
  }

  func say(_ level: Level, _ text: String) {
    let mark: String
    switch level {
    case .info: mark = isJournald ? "<6>" : "INFO  "
    case .warning: mark = isJournald ? "<4>" : "WARN  "
    case .error: mark = isJournald ? "<3>" : "ERROR "
    }
    // Each line of the stream is an entry with a priority of its own.
    let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
    for line in lines { output.err(mark + line) }
  }

  /// Takes what parts of the program report: each is a complaint.
  var log: @Sendable (String) -> Void { { say(.warning, $0.replacing("warning: ", with: "")) } }

  /// Says every event of every service from now on, until it is cancelled.
  func follow(_ world: World) async {
    var newest = await world.newestEntry
    while !Task.isCancelled {
      await world.clock.sleep(until: world.clock.now() + .seconds(0.5))
      guard let links = try? await world.history.links(after: newest, limit: 200) else { continue }
      for link in links {
        newest = link.id
        if let level = Self.level(link.entry) { say(level, Self.text(link)) }
      }
    }
  }

  /// How much an entry matters; nil: it explains another one, and has no line.
  private static func level(_ entry: Entry) -> Level? {
    switch entry.event {
    case .reverting, .braked, .hookFailed, .applyFailed: .error
    case .held, .awaitingApproval, .missed, .sourceError, .rejected, .standingGuard,
      .hookDropped, .refused:
      .warning
    case .paused: entry.actor == .canary ? .warning : .info
    case .scheduled, .cancelled, .started, .stage, .approved, .resumed, .advanced, .reverted,
      .promoted, .frozen, .thawed, .configured, .apply:
      .info
    // Of a receiver that does not answer, the one who tells it says so itself.
    case .verdict, .preflight, .hook, .noticeFailed, .unknown: nil
    }
  }

  /// The event with its service and rollout, on one line.
  private static func text(_ link: ChainLink) -> String {
    let entry = link.entry
    var parts = [link.service?.text ?? ChainLink.noService]
    if let number = entry.rollout { parts.append("rollout \(number)") }
    let weight = entry.weight.map { " at \($0) %" } ?? ""
    let actor = entry.actor == .canary ? "" : " by \(entry.actor)"
    let told = EntryReport.told(entry)
    return Text.sanitized(
      "\(parts.joined(separator: " ")): \(entry.event.rawValue)\(weight)\(actor)\(told.isEmpty ? "" : ": \(told)")",
      limit: 600)
  }
}

extension World {
  /// The newest entry of the history; 0: there is none, or it cannot be read.
  fileprivate var newestEntry: Int64 {
    get async {
      ((try? await history.links(of: nil, since: nil, limit: 1)) ?? []).last?.id ?? 0
    }
  }
}
