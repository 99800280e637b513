package import CanaryCore
package import CanaryDriver
internal import FoundationEssentials

/// Runs each hook once, in a detached process that outlives its driver and leaves the result in a
/// file.
///
/// When a driver is killed while a hook runs, the next driver waits for the same run.
package struct HookRunner: JobRunner {
  private let folder: String
  private let clock: any WallClock
  /// Variables of this process's environment that hooks get, beside the usual ones.
  private let variables: [String]
  private let authorize: @Sendable (Job) -> Hook?

  /// `authorize` returns the hook that a job names as the config has it; nil: the config has none,
  /// and nothing is run.
  package init(
    folder: String, clock: any WallClock, variables: [String] = [],
    authorize: @escaping @Sendable (Job) -> Hook?
  ) {
    self.folder = folder
    self.clock = clock
    self.variables = variables
    self.authorize = authorize
  }

  /// How long the process that runs a hook may take to start.
  private static let start = Span.seconds(10)

  package func run(_ job: Job) async -> JobEnd {
    let place = HookPlace(folder: folder, job)
    var begun: Instant?
    while true {
      if let end = await Blocking.run({ place.end }) { return end }
      switch await Blocking.run({ place.life }) {
      case .runs: break
      case .died:
        // The hook may have ended between the two looks.
        if let end = place.end { return end }
        return JobEnd(
          isGood: false, text: "it was ended from outside; how far it came is not known")
      case .none:
        if let begun, clock.now() - begun > Self.start {
          return JobEnd(isGood: false, text: "the process that runs it did not begin")
        }
        if begun == nil {
          var job = job
          guard let hook = authorize(job) else {
            return Self.unknown
          }
          job.hook = hook
          begun = clock.now()
          if let fault = await Blocking.run({ [job] in begin(job, place) }) {
            return JobEnd(isGood: false, text: fault)
          }
        }
      }
      await clock.sleep(until: clock.now() + .seconds(0.1))
      if Task.isCancelled { return JobEnd(isGood: false, text: "not waited for") }
    }
  }

  /// Writes the job's file and starts `canary __hook` for it; nil on success, otherwise why not.
  private func begin(_ job: Job, _ place: HookPlace) -> String? {
    do {
      // A group that may write the state may run its hooks: share this folder with it as well.
      try Files.makeFolder(folder, mode: Files.sharedMode(of: Files.folder(of: folder)))
      let text = String(decoding: try JSONEncoder().encode(job), as: UTF8.self)
      // The file only tells that the hook was asked for. What is run is handed over in memory: who
      // may write the state may not run programs by it.
      try Files.replace(place.job, with: text, mode: 0o640)
      _ = try Spawn.detach(
        [ThisProcess.program, "__hook", place.base], text: text,
        inherits: .usual(and: variables))
      return nil
    } catch {
      return "it cannot be started: \(error)"
    }
  }

  /// Asks the processes of these hooks to end them; they do so within a tenth of a second.
  package func end(_ jobs: [Int], of service: ServiceName) {
    for name in Files.names(in: folder) where name.hasSuffix(".job") {
      let base = name.dropLast(4)
      guard jobs.contains(where: { base.hasPrefix("\(service).\($0).") }) else { continue }
      try? Files.replace("\(folder)/\(base).unwanted", with: "", mode: 0o640)
    }
  }

  /// Removes the files of hooks that were asked for more than 30 days ago.
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

  /// `canary __hook BASE`: runs the hook on its standard input, and writes its result.
  ///
  /// The driver of a version before hands nothing over, when the program is exchanged while it runs:
  /// then `authorize` says what the config has in the place of the hook in the job's file.
  package static func live(_ base: String, authorize: (Job) -> Hook?) {
    let place = HookPlace(base: base)
    // Does nothing if another process runs this hook, or it has started before.
    guard let lock = (try? FileLock.acquire(place.lock, marked: false)) ?? nil, !place.hasBegun
    else { return }
    let given = job(in: Files.contents("/dev/stdin"))
    guard var job = given ?? job(in: Files.ownContents(place.job)),
      HookPlace(folder: Files.folder(of: base), job).base == base
    else { return }
    let hook = given?.hook ?? authorize(job)
    job.hook = hook ?? job.hook
    try? Files.replace(place.mark, with: "\(ThisProcess.pid)\n", mode: 0o640)
    let end =
      hook == nil
      ? Self.unknown
      : place.isUnwanted ? JobEnd(isGood: false, text: "not wanted any more") : run(job, place)
    if let data = try? JSONEncoder().encode(end) {
      try? Files.replace(place.result, with: String(decoding: data, as: UTF8.self), mode: 0o640)
    }
    withExtendedLifetime(lock) {}
  }

  private static let unknown = JobEnd(
    isGood: false, text: "not run: the config has no such hook any more")

  private static func job(in text: String?) -> Job? {
    text.flatMap { try? JSONDecoder().decode(Job.self, from: Data($0.utf8)) }
  }

  private static func run(_ job: Job, _ place: HookPlace) -> JobEnd {
    let clock = ContinuousClock()
    let begun = clock.now
    do throws(SpawnError) {
      let ran = try Spawn.run(
        job.hook.words, limit: job.hook.timeout, environment: job.facts.environment,
        inherits: .all, input: job.facts.json, isUnwanted: { place.isUnwanted })
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

  /// The last 2000 characters of an output: its end says most.
  private static func bounded(_ output: String) -> String {
    let lines = output.split(whereSeparator: \.isNewline).map {
      Text.sanitized(String($0), limit: 400)
    }
    let text = lines.joined(separator: "\n")
    return text.count > 2000 ? "…" + text.suffix(2000) : text
  }
}

/// The files of one job, named by service, number and the time it was asked for.
private struct HookPlace: Sendable {
  /// What the files say about the job's process: not started, running, or gone without a result.
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
    guard let text = Files.ownContents(result, limit: 1 << 20) else { return nil }
    return try? JSONDecoder().decode(JobEnd.self, from: Data(text.utf8))
  }

  var life: Life {
    if FileLock.holder(lock) != nil { return .runs }
    return hasBegun ? .died : .none
  }
}

extension HookContext {
  /// The values as environment variables, `CANARY_SERVICE` and so on; `CANARY_STAGE` counts from 1.
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
    for (key, value) in meta.values { table["CANARY_META_\(key.uppercased())"] = value }
    return table
  }

  /// The same values as one line of JSON, under lower-case names without `CANARY_`.
  var json: String {
    let pairs = environment.sorted { $0.key < $1.key }.map { key, value in
      let name = key.dropFirst("CANARY_".count).lowercased()
      let isNumber = ["rollout", "stage", "stages", "weight"].contains(name)
      return "\(JSONText.quoted(name)):\(isNumber ? value : JSONText.quoted(value))"
    }
    return "{\(pairs.joined(separator: ","))}\n"
  }
}
