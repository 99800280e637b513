package import CanaryCore
package import CanaryDriver
internal import FoundationEssentials

/// Runs hooks, each once: in a process of its own that outlives whoever started it, and leaves its end in a file.
///
/// A driver that is killed while a hook runs is followed by one that waits for the same run.
package struct HookRunner: JobRunner {
  private let folder: String
  private let clock: any WallClock

  package init(folder: String, clock: any WallClock) {
    self.folder = folder
    self.clock = clock
  }

  /// How long the process that runs a hook may take to begin.
  private static let start = Span.seconds(10)

  package func run(_ job: Job) async -> JobEnd {
    let place = HookPlace(folder: folder, job)
    var begun: Instant?
    while true {
      if let end = await Blocking.run({ place.end }) { return end }
      switch await Blocking.run({ place.life }) {
      case .runs: break
      case .died:
        // It may have ended in the moment between the two looks.
        if let end = place.end { return end }
        return JobEnd(
          isGood: false, text: "it was ended from outside; how far it came is not known")
      case .none:
        if let begun, clock.now() - begun > Self.start {
          return JobEnd(isGood: false, text: "the process that runs it did not begin")
        }
        if begun == nil {
          begun = clock.now()
          if let fault = await Blocking.run({ begin(job, place) }) {
            return JobEnd(isGood: false, text: fault)
          }
        }
      }
      await clock.sleep(until: clock.now() + .seconds(0.1))
      if Task.isCancelled { return JobEnd(isGood: false, text: "not waited for") }
    }
  }

  private func begin(_ job: Job, _ place: HookPlace) -> String? {
    do {
      // Whoever may write the state may run its hooks: a folder that a group shares stays the group's.
      try Files.makeFolder(folder, mode: Files.sharedMode(of: Files.folder(of: folder)))
      let text = String(decoding: try JSONEncoder().encode(job), as: UTF8.self)
      try Files.replace(place.job, with: text, mode: 0o640)
      _ = try Spawn.detach([ThisProcess.program, "__hook", place.base], input: nil, output: nil)
      return nil
    } catch {
      return "it cannot be started: \(error)"
    }
  }

  package func end(_ jobs: [Int], of service: ServiceName) {
    for name in Files.names(in: folder) where name.hasSuffix(".job") {
      let base = name.dropLast(4)
      guard jobs.contains(where: { base.hasPrefix("\(service).\($0).") }) else { continue }
      try? Files.replace("\(folder)/\(base).unwanted", with: "", mode: 0o640)
    }
  }

  /// Removes what hooks of long ago have left.
  package func tidy() {
    let old = clock.now() - .hours(24 * 30)
    for name in Files.names(in: folder) {
      let parts = name.split(separator: ".")
      guard parts.count >= 3, let asked = Int64(parts[2]), asked < old.milliseconds else {
        continue
      }
      try? Files.remove("\(folder)/\(name)")
    }
  }

  /// The life of the process that runs one hook: `canary __hook BASE`.
  package static func live(_ base: String) {
    let place = HookPlace(base: base)
    // Whoever comes second, or after the end, or when nobody wants it any more, does nothing.
    guard let lock = (try? FileLock.acquire(place.lock, marked: false)) ?? nil, !place.hasBegun,
      let text = Files.contents(place.job),
      let job = try? JSONDecoder().decode(Job.self, from: Data(text.utf8))
    else { return }
    try? Files.replace(place.mark, with: "\(ThisProcess.pid)\n", mode: 0o640)
    let end =
      place.isUnwanted ? JobEnd(isGood: false, text: "not wanted any more") : run(job, place)
    if let data = try? JSONEncoder().encode(end) {
      try? Files.replace(place.result, with: String(decoding: data, as: UTF8.self), mode: 0o640)
    }
    withExtendedLifetime(lock) {}
  }

  private static func run(_ job: Job, _ place: HookPlace) -> JobEnd {
    let clock = ContinuousClock()
    let begun = clock.now
    do throws(SpawnError) {
      let ran = try Spawn.run(
        job.hook.words, limit: job.hook.timeout, environment: job.facts.environment,
        input: job.facts.json, isUnwanted: { place.isUnwanted })
      let took = Span(clock.now - begun)
      let how =
        switch ran.end {
        case .exit(let code): "exit \(code) after \(took)"
        case .signal(let number): "ended by signal \(number) after \(took)"
        case .late where place.isUnwanted: "ended after \(took): not wanted any more"
        case .late: "ended after \(job.hook.timeout), its time limit"
        }
      let output = bounded(ran.output)
      return JobEnd(isGood: ran.succeeded, text: output.isEmpty ? how : "\(how): \(output)")
    } catch {
      return JobEnd(isGood: false, text: error.description)
    }
  }

  /// The end of an output, which says most: at most 2,000 characters.
  private static func bounded(_ output: String) -> String {
    let lines = output.split(whereSeparator: \.isNewline).map {
      Text.sanitized(String($0), limit: 400)
    }
    let text = lines.joined(separator: "\n")
    return text.count > 2000 ? "…" + text.suffix(2000) : text
  }
}

/// The files of one job.
private struct HookPlace: Sendable {
  enum Life: Sendable { case none, runs, died }
  let base: String

  init(base: String) { self.base = base }
  init(folder: String, _ job: Job) {
    base = "\(folder)/\(job.facts.service).\(job.number).\(job.asked.milliseconds)"
  }

  var job: String { base + ".job" }
  var lock: String { base + ".lock" }
  var mark: String { base + ".begun" }
  var result: String { base + ".end" }

  var hasBegun: Bool { Files.exists(mark) }
  var isUnwanted: Bool { Files.exists(base + ".unwanted") }
  var end: JobEnd? {
    guard let text = Files.contents(result) else { return nil }
    return try? JSONDecoder().decode(JobEnd.self, from: Data(text.utf8))
  }

  var life: Life {
    if FileLock.holder(lock) != nil { return .runs }
    return hasBegun ? .died : .none
  }
}

extension HookContext {
  /// `CANARY_SERVICE` and its like.
  var environment: [String: String] {
    var table = [
      "CANARY_SERVICE": service.text, "CANARY_ROLLOUT": "\(rollout)",
      "CANARY_HOOK": moment.rawValue,
      "CANARY_FROM": from.text, "CANARY_TO": to.text, "CANARY_STAGES": "\(stages)",
      "CANARY_ACTOR": actor,
    ]
    table["CANARY_RELEASE"] = release
    table["CANARY_STAGE"] = stage.map { "\($0 + 1)" }
    table["CANARY_WEIGHT"] = weight?.description
    table["CANARY_REASON"] = reason
    return table
  }

  /// The same as one JSON object.
  var json: String {
    let pairs = environment.sorted { $0.key < $1.key }.map { key, value in
      let name = key.dropFirst("CANARY_".count).lowercased()
      let isNumber = ["rollout", "stage", "stages", "weight"].contains(name)
      return "\(JSONText.quoted(name)):\(isNumber ? value : JSONText.quoted(value))"
    }
    return "{\(pairs.joined(separator: ","))}\n"
  }
}
