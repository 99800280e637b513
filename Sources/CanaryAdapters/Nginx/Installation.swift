internal import CanaryCore
internal import CanaryDriver
internal import Glibc

/// One attempt to make running workers serve a service's generated files.
///
/// On any failure the former files are put back, unless the attempt is cancelled after the reload.
struct Installation {
  let router: NginxRouter
  let service: ServiceName
  var generation: Generation
  let stop: Stop
  let warn: @Sendable (String) -> Void

  var nginx: NginxSettings { router.config.nginx }

  /// Writes, tests, reloads and verifies; returns at once if the generation is served already.
  ///
  /// A configuration without the canary replaces even files that were changed by hand, of which it
  /// keeps a copy. A revert also proceeds without the lock when its holder is stuck.
  func install(_ files: GeneratedFiles, _ routing: Routing) throws(RouterError) {
    let force = routing.isClean
    let isRevert = force && routing.brake == routing.stable
    let lock = try takeLock(patience: .seconds(isRevert ? 2 : 20), force: isRevert)
    defer { withExtendedLifetime(lock) {} }
    let targets = targets(files)
    let former = try read(targets)
    let inPlace = former.lazy.compactMap { $0.flatMap(GeneratedHeader.init) }.first
    if let found = inPlace, found.generation > generation {
      throw RouterError(.overtaken(found.generation), "generation \(found.generation) is in place")
    }
    let isInPlace = zip(targets, former).allSatisfy { $0.text == $1 }
    if isInPlace, isServed() { return }
    try keepEdits(targets.map(\.path), former, force: force)
    try checkStop()
    do throws(RouterError) {
      if !isInPlace { try write(targets) }
      try test()
    } catch {
      restore(targets.map(\.path), former)
      throw error
    }
    let before = Workers.now(router.config.probe(service), service: service)
    let errors = NginxMainFile(nginx.config)?.errorLog
    let offset = errors.flatMap(Files.size) ?? 0
    do throws(RouterError) {
      try reload()
      try verify(before: before) { errors.flatMap { NginxOutput.faults(inLog: $0, after: offset) } }
    } catch {
      if error.kind == .cancelled { throw error }
      restore(targets.map(\.path), former)
      // Nginx may have loaded the new files, only late: it must serve what is on disk again.
      _ = try? Spawn.run(nginx.reload, limit: .seconds(10))
      throw error
    }
  }

  /// Writes and tests without a reload; puts the former files back on failure.
  func write(_ files: GeneratedFiles) throws(RouterError) {
    let lock = try takeLock(patience: .seconds(20), force: false)
    defer { withExtendedLifetime(lock) {} }
    let targets = targets(files)
    let former = try read(targets)
    try keepEdits(targets.map(\.path), former, force: true)
    do throws(RouterError) {
      try write(targets)
      try test()
    } catch {
      restore(targets.map(\.path), former)
      throw error
    }
  }

  // MARK: steps

  /// The path and text of each file; nil: the file must not exist.
  private typealias Targets = [(path: String, text: String?)]

  private func targets(_ files: GeneratedFiles) -> Targets {
    files.all.map { (router.renderer.path(service, $0.suffix), $0.text) }
  }

  /// The present text of each target; nil: the file does not exist.
  private func read(_ targets: Targets) throws(RouterError) -> [String?] {
    var former: [String?] = []
    for target in targets {
      do throws(FileError) {
        former.append(try Files.read(target.path))
      } catch {
        throw RouterError(.refused, error.description)
      }
    }
    return former
  }

  private func takeLock(patience: Span, force: Bool) throws(RouterError) -> FileLock? {
    let path = router.config.run.lock(.installing)
    do throws(FileError) {
      try Files.makeFolder(nginx.include)
    } catch {
      throw RouterError(
        .refused, error.description, hint: "The folder is set by nginx.include in the config")
    }
    do throws(FileError) {
      try Files.makeFolder(router.config.run.path)
      // Of fifty rollouts that grow at once, the last waits long though none is stuck; a revert
      // does not wait for them.
      if let lock = try FileLock.acquire(path, patience: patience, perHolder: !force) {
        return lock
      }
    } catch {
      if force { return nil }
      throw RouterError(.refused, error.description)
    }
    let holder = FileLock.holder(path).map { "process \($0)" } ?? "another process"
    guard force else {
      throw RouterError(
        .refused, "\(holder) has been installing files for \(patience); it seems stuck (\(path))")
    }
    warn(
      "\(holder) is stuck while it installs files (\(path)); the revert goes on without waiting for it"
    )
    return nil
  }

  /// Whether two answers in a row confirm the generation.
  private func isServed() -> Bool {
    let probe = router.config.probe(service)
    return (try? probe.query(service))?.generation == generation
      && (try? probe.query(service))?.generation == generation
  }

  /// Handles files that were changed by hand: refuses to replace them, or with `force` keeps a copy
  /// of each.
  private func keepEdits(_ paths: [String], _ former: [String?], force: Bool) throws(RouterError) {
    for (path, text) in zip(paths, former) {
      guard let text, !Seal.isWhole(text) else { continue }
      let copy =
        "\(router.config.state)/edited-\(service)-\(path.split(separator: ".").last ?? "conf")-before-\(generation)"
      guard force else {
        throw RouterError(
          .refused,
          "\(path) was changed by hand since canary wrote it, and is not overwritten during a rollout",
          hint: "Move the change into the config or a template, then: canary apply \(service)")
      }
      do throws(FileError) {
        try Files.replace(copy, with: text)
        warn("\(path) was changed by hand; the changed file is kept as \(copy)")
      } catch {
        warn("\(path) was changed by hand and is replaced; it could not be kept: \(error)")
      }
    }
  }

  private func test() throws(RouterError) {
    let ran = try spawn(nginx.test, limit: .seconds(60))
    guard ran.succeeded else {
      throw RouterError(.refused, "nginx refused the configuration: \(told(ran, nginx.test))")
    }
  }

  private func reload() throws(RouterError) {
    let ran = try spawn(nginx.reload, limit: .seconds(30))
    guard ran.succeeded else {
      let words = told(ran, nginx.reload)
      let isDead =
        words.contains("No such process") || words.contains("invalid PID")
        || words.contains("open()")
      let hint =
        isDead
        ? "Nginx does not seem to be running, or its pid file is stale: start it, then try again"
        : nil
      throw RouterError(.refused, "nginx could not be told to reload: \(words)", hint: hint)
    }
  }

  private func spawn(_ words: [String], limit: Span) throws(RouterError) -> ProcessResult {
    do throws(SpawnError) {
      return try Spawn.run(words, limit: limit)
    } catch {
      throw RouterError(
        .refused, error.description,
        hint: "Is Nginx installed here? Else set nginx.test and nginx.reload")
    }
  }

  /// Why a command failed, by its own output or by how it ended.
  private func told(_ ran: ProcessResult, _ words: [String]) -> String {
    switch ran.end {
    case .late: return "\(words.joined(separator: " ")) did not end in time"
    case .signal(let number): return "\(words[0]) was ended by signal \(number)"
    case .exit(let code):
      let text = NginxOutput.faults(in: ran.output)
      return text.isEmpty ? "\(words.joined(separator: " ")) exited with \(code)" : text
    }
  }

  func checkStop() throws(RouterError) {
    if stop.isRequested { throw RouterError(.cancelled, "not wanted any more") }
  }

  private func write(_ targets: Targets) throws(RouterError) {
    do throws(FileError) {
      for (path, text) in targets {
        if let text { try Files.replace(path, with: text) } else { try Files.remove(path) }
      }
    } catch {
      throw RouterError(
        .refused, error.description, hint: "The folder of nginx.include must be writable")
    }
  }

  private func restore(_ paths: [String], _ former: [String?]) {
    for (path, text) in zip(paths, former) {
      do throws(FileError) {
        if let text { try Files.replace(path, with: text) } else { try Files.remove(path) }
      } catch {
        warn("\(path) could not be put back: \(error)")
      }
    }
  }
}
