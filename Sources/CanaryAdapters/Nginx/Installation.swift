internal import CanaryCore
internal import CanaryDriver
internal import Glibc

/// One attempt to make running workers serve the generated files of some services.
///
/// On any failure the former files are put back, unless the attempt is cancelled after the reload or
/// overtaken: then what is in place belongs to a later one, which Nginx is not told about either.
struct Installation {
  /// What one service is to serve.
  struct Order {
    let service: ServiceName
    let routing: Routing
    let generation: Generation
    let files: GeneratedFiles

    /// Whether the files send nothing to the canary, nor does their brake.
    var isRevert: Bool { routing.isClean && routing.brake == routing.stable }
  }

  let router: NginxRouter
  let stop: Stop
  let warn: @Sendable (String) -> Void

  var nginx: NginxSettings { router.config.nginx }

  /// Writes, tests, reloads and verifies; does nothing for what is served already.
  ///
  /// Returns why a service is not served; nothing for one that is. A configuration without the
  /// canary replaces even files that were changed by hand, of which it keeps a copy. A single revert
  /// also proceeds without the lock while another process has it for long.
  func install(_ orders: [Order]) -> [ServiceName: RouterError] {
    var faults: [ServiceName: RouterError] = [:]
    var left = orders
    // Another process that installs the same generation may have got in between: begin again.
    for _ in 0..<3 where !left.isEmpty {
      let new = attempt(left, mayLower: false) {
        $0.isInPlace && isServed($0.order)
      } then: {
        serve($0)
      }
      for order in left { faults[order.service] = new[order.service] }
      left = left.filter { faults[$0.service]?.kind == .overtaken($0.generation) }
    }
    for order in left {
      faults[order.service]?.kind = .refused
    }
    return faults
  }

  /// Writes and tests without a reload.
  func write(_ orders: [Order]) -> [ServiceName: RouterError] {
    attempt(orders, mayLower: true) { _ in
      false
    } then: { _ in
      [:]
    }
  }

  private func attempt(
    _ orders: [Order], mayLower: Bool, isDone: (Placement) -> Bool,
    then serve: ([Placement]) -> [ServiceName: RouterError]
  ) -> [ServiceName: RouterError] {
    var faults: [ServiceName: RouterError] = [:]
    let isRevert = orders.count == 1 && orders[0].isRevert && !mayLower
    let lock: FileLock?
    do throws(RouterError) {
      lock = try takeLock(patience: .seconds(isRevert ? 2 : 90), force: isRevert)
    } catch {
      for order in orders { faults[order.service] = error }
      return faults
    }
    defer { withExtendedLifetime(lock) {} }
    Staging.recover(nginx.include, warn)
    var placements: [Placement] = []
    for order in orders {
      do throws(RouterError) {
        if let placement = try place(order, mayLower: mayLower, isDone: isDone) {
          placements.append(placement)
        }
      } catch {
        faults[order.service] = error
      }
    }
    defer { for placement in placements { placement.end() } }
    let refused = test(placements, mayUndoOthers: lock == nil)
    faults.merge(refused) { $1 }
    let good = placements.filter { refused[$0.order.service] == nil }
    return good.isEmpty ? faults : faults.merging(serve(good)) { $1 }
  }

  // MARK: into place

  /// The placement of the files; nil: there is nothing to do.
  private func place(
    _ order: Order, mayLower: Bool, isDone: (Placement) -> Bool
  ) throws(RouterError) -> Placement? {
    var last = RouterError(.refused, "")
    for _ in 0..<5 {
      let placement = try Placement(order, in: router, mayLower: mayLower, warn: warn)
      do throws(RouterError) {
        if isDone(placement) {
          placement.end()
          return nil
        }
        try placement.keepEdits(in: router.config.state, force: order.routing.isClean || mayLower)
        try checkStop()
        try placement.place()
        return placement
      } catch {
        placement.putBack()
        placement.end()
        guard error.kind == .overtaken(order.generation) else { throw error }
        last = error
      }
    }
    throw RouterError(.refused, last.fault.fact)
  }

  /// Whether two answers in a row confirm the generation.
  private func isServed(_ order: Order) -> Bool {
    let probe = router.config.probe(order.service)
    return (try? probe.query(order.service))?.generation == order.generation
      && (try? probe.query(order.service))?.generation == order.generation
  }

  // MARK: the lock

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
      "\(holder) has been installing files for \(patience) (\(path)); the revert goes on without waiting for it"
    )
    return nil
  }

  // MARK: Nginx

  /// Tests what is in place, and puts back the files that Nginx refuses; returns why.
  private func test(_ placements: [Placement], mayUndoOthers: Bool) -> [ServiceName: RouterError] {
    guard !placements.isEmpty else { return [:] }
    do throws(RouterError) {
      do throws(RouterError) {
        try test(placements)
      } catch {
        // The fault may be in what a stopped installation of another service left untested.
        guard mayUndoOthers, error.kind == .refused,
          Staging.undoOthers(than: placements[0].order.service, nginx.include, warn)
        else { throw error }
        try test(placements)
      }
      for placement in placements { placement.noteTested() }
      return [:]
    } catch {
      for placement in placements { placement.putBack() }
      return faults(placements, error)
    }
  }

  private func test(_ placements: [Placement]) throws(RouterError) {
    let ran = try spawn(nginx.test, limit: .seconds(60)) {
      stop.isRequested || placements.allSatisfy { !$0.isMine }
    }
    try checkStop()
    guard ran.succeeded else {
      throw RouterError(.refused, "nginx refused the configuration: \(told(ran, nginx.test))")
    }
  }

  /// Reloads, and waits until workers serve each placement.
  private func serve(_ placements: [Placement]) -> [ServiceName: RouterError] {
    let before = placements.lazy.compactMap {
      Workers.now(router.config.probe($0.order.service), service: $0.order.service)
    }.first
    let errors = NginxMainFile(nginx.config)?.errorLog
    let offset = errors.flatMap(Files.size) ?? 0
    var faults: [ServiceName: RouterError] = [:]
    do throws(RouterError) {
      try reload(placements)
      for placement in placements {
        do throws(RouterError) {
          try verify(placement, before: before) {
            errors.flatMap { NginxOutput.faults(inLog: $0, after: offset) }
          }
        } catch {
          faults[placement.order.service] = error
        }
      }
    } catch {
      faults = self.faults(placements, error)
    }
    // A later installation follows one that is cancelled.
    let back = placements.filter {
      let kind = faults[$0.order.service]?.kind
      return kind != nil && kind != .cancelled && $0.putBack()
    }
    // Nginx may have loaded the new files, only late: it must serve what is on disk again.
    if !back.isEmpty { _ = try? reload(back) }
    return faults
  }

  private func faults(_ placements: [Placement], _ error: RouterError)
    -> [ServiceName: RouterError]
  {
    var faults: [ServiceName: RouterError] = [:]
    for placement in placements {
      faults[placement.order.service] = placement.isMine ? error : placement.overtaken
    }
    return faults
  }

  /// Tells Nginx to reload, unless all of the placements are overtaken.
  private func reload(_ placements: [Placement]) throws(RouterError) {
    guard let mine = placements.first(where: \.isMine) else { throw placements[0].overtaken }
    let ran: ProcessResult
    do throws(RouterError) {
      ran = try spawn(nginx.reload, limit: .seconds(30), inputFile: mine.token)
    } catch {
      throw mine.isMine ? error : mine.overtaken
    }
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

  private func spawn(
    _ words: [String], limit: Span, inputFile: String? = nil, isUnwanted: (() -> Bool)? = nil
  ) throws(RouterError) -> ProcessResult {
    do throws(SpawnError) {
      return try Spawn.run(words, limit: limit, inputFile: inputFile, isUnwanted: isUnwanted)
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
}
