internal import CanaryCore
internal import CanaryDriver
internal import Glibc

// What an installation asks of Nginx once its files are in place.
extension Installation {
  /// Tests what is in place, and puts back the files that Nginx refuses; returns why.
  func test(_ placements: [Placement], mayUndoOthers: Bool) -> [ServiceName: RouterError] {
    var faults: [ServiceName: RouterError] = [:]
    var left = placements
    if let first = placements.first, let owner = LogOwner(router.config, first.order.service) {
      for placement in placements { owner.prepare(router.config.log(of: placement.order.service)) }
    }
    while !left.isEmpty {
      do throws(RouterError) {
        try test(left)
        for placement in left { placement.noteTested() }
        break
      } catch {
        // The fault may be in what a stopped installation of another service left untested.
        if mayUndoOthers, error.kind == .refused {
          let undone = Staging.undoOthers(than: left[0].order.service, nginx.include, warn)
          try? share(undone)
          if !undone.isEmpty { continue }
        }
        let named = left.filter { $0.isNamed(in: error.fault.fact) }
        if left.count == 1 || error.kind != .refused {
          for placement in left { placement.putBack() }
          return faults.merging(self.faults(left, error)) { $1 }
        }
        for placement in named.isEmpty ? left : named { placement.putBack() }
        if named.isEmpty { return faults.merging(search(left, error)) { $1 } }
        faults.merge(self.faults(named, error)) { $1 }
        left.removeAll { $0.isNamed(in: error.fault.fact) }
      }
    }
    return faults
  }

  /// Finds which of the files, all of them put back, Nginx refuses without naming one; puts the
  /// others in place.
  private func search(_ placements: [Placement], _ last: RouterError)
    -> [ServiceName: RouterError]
  {
    do throws(RouterError) {
      try test([])
    } catch {
      // The fault is elsewhere.
      return faults(placements, error)
    }
    var faults: [ServiceName: RouterError] = [:]
    var groups = [placements[..<(placements.count / 2)], placements[(placements.count / 2)...]]
    while let group = groups.popLast() {
      do throws(RouterError) {
        for placement in group { try placement.place() }
        try test(Array(group))
        for placement in group { placement.noteTested() }
      } catch {
        for placement in group { placement.putBack() }
        guard group.count > 1, error.kind == .refused else {
          faults.merge(self.faults(Array(group), error)) { $1 }
          continue
        }
        let middle = group.startIndex + group.count / 2
        groups += [group[..<middle], group[middle...]]
      }
    }
    return faults
  }

  private func test(_ placements: [Placement]) throws(RouterError) {
    let pipe = UnreadPipe(router.config)
    let ran = try spawn(nginx.test, limit: .minutes(3)) {
      stop.isRequested || pipe.isStuck()
        || !placements.isEmpty && placements.allSatisfy { !$0.isMine }
    }
    try checkStop()
    if let fault = pipe.fault { throw RouterError(.refused, fault) }
    guard ran.succeeded else {
      let words = told(ran, nginx.test)
      throw RouterError(
        .refused, "nginx refused the configuration: \(words)",
        hint: NginxAdvice.hint(words, router.config))
    }
  }

  /// Reloads, and waits until workers serve each placement.
  func serve(_ placements: [Placement]) -> [ServiceName: RouterError] {
    // Whoever answers first; one by one, because `first` of a lazy sequence asks twice.
    var before: [Worker]?
    for service in placements.map(\.order.service) where before == nil {
      before = Workers.now(router.config.probe(service), service: service)
    }
    var log = reloadLog(before)
    var faults: [ServiceName: RouterError] = [:]
    do throws(RouterError) {
      try reload(placements)
      var old = before
      var last: RouterError?
      var seen: Set<ServiceName>?
      for placement in placements where seen?.contains(placement.order.service) != true {
        // Nginx takes all files or none: after one failure, one look at each of the others is enough.
        if let last, !answers(placement.order) {
          faults[placement.order.service] = last
          continue
        }
        do throws(RouterError) {
          try verify(placement, before: old, &log)
          // All workers have read all files: for the others, an answer proves that theirs is loaded.
          old = []
          if seen == nil, placements.count >= Self.many {
            seen = answering(placements.map(\.order))
          }
        } catch {
          faults[placement.order.service] = error
          last = error
        }
      }
    } catch {
      faults = self.faults(placements, error)
    }
    // A later installation follows one that is cancelled.
    let back = putBack(
      placements.filter {
        let kind = faults[$0.order.service]?.kind
        return kind != nil && kind != .cancelled
      })
    // Nginx may have loaded the new files, only late: it must serve what is on disk again.
    if !back.isEmpty { _ = try? reload(back) }
    return faults
  }

  /// What Nginx logs from now on, and the numbers of the masters that may be told.
  private func reloadLog(_ before: [Worker]?) -> ReloadLog {
    let main = NginxMainFile(nginx.config, generated: nginx.include)
    let named = main?.pidFile.flatMap { Files.contents($0, limit: 64) }
    let masters = Set((before ?? []).map(\.master)).compactMap(Workers.namespacePid)
    return ReloadLog(
      main?.errorLog,
      masters: Set(
        masters + [named.flatMap { Int32($0.filter { !$0.isWhitespace }) }].compactMap(\.self)))
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
      ran = try spawn(nginx.reload, limit: .minutes(3), inputFile: mine.token)
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
        ? "Nginx does not seem to be running, or its pid file is stale: start it (systemctl start nginx), then try again"
        : nil
      throw RouterError(.refused, "nginx could not be told to reload: \(words)", hint: hint)
    }
  }

  private func spawn(
    _ words: [String], limit: Span, inputFile: String? = nil, isUnwanted: (() -> Bool)? = nil
  ) throws(RouterError) -> ProcessResult {
    do throws(SpawnError) {
      return try Spawn.run(
        words, limit: limit, keepsRights: true,
        inherits: .usual(and: router.config.environment), inputFile: inputFile,
        isUnwanted: isUnwanted)
    } catch {
      throw RouterError(
        .refused, error.description,
        hint:
          "Is Nginx installed here? Where it runs elsewhere, nginx.test and nginx.reload in the config say how to reach it"
      )
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
}
