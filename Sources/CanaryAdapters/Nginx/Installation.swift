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
    let request: RouterRequest
    let files: GeneratedFiles

    var service: ServiceName { request.service }
    var routing: Routing { request.routing }
    var generation: Generation { request.generation }

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
        $0.isInPlace && answers($0.order)
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
    let recovered = Staging.recover(nginx.include, warn)
    let (placements, unplaced) = placeAll(orders, mayLower: mayLower, isDone: isDone)
    faults.merge(unplaced) { $1 }
    defer { for placement in placements { placement.end() } }
    do throws(RouterError) {
      try share(orders.map(\.service) + recovered, through: placements)
    } catch {
      putBack(placements)
      for placement in placements {
        faults[placement.order.service] = placement.isMine ? error : placement.overtaken
      }
      return faults
    }
    let refused = test(placements, mayUndoOthers: lock == nil)
    try? share(refused.keys)
    faults.merge(refused) { $1 }
    let good = placements.filter { refused[$0.order.service] == nil }
    return good.isEmpty ? faults : faults.merging(serve(good)) { $1 }
  }

  /// Whether the files are in place, and running workers serve their generation.
  func isServed(_ order: Order) -> Bool { isInPlace(order, shared) && answers(order) }

  /// What the file that services at rest share says of each.
  var shared: [ServiceName: RestingAnswer] {
    CommonFile(router.renderer, in: nginx.include).answers
  }

  /// Whether the files are in place, and at rest `shared` says the same.
  func isInPlace(_ order: Order, _ shared: [ServiceName: RestingAnswer]) -> Bool {
    let resting = RestingAnswer(main: order.files.main, of: order.service)
    return (resting == nil || resting == shared[order.service])
      && order.files.all.allSatisfy { suffix, text in
        (try? Files.readOwn(router.renderer.path(order.service, suffix), isLinked: true))
          == .some(text)
      }
  }

  /// The services whose generation a worker confirms.
  ///
  /// Few are asked twice, each by new connections, so that two workers may answer; of many, one
  /// worker is asked.
  func answering(_ orders: [Order]) -> Set<ServiceName> {
    if orders.count < Self.many { return Set(orders.filter(answers).map(\.service)) }
    let shared = router.config.run.probe
    let here = orders.filter { router.config.probeSocket(of: $0.service) == shared }
    let found = ProbeRound(socket: shared).answers(here.map(\.service))
    return Set(
      orders.filter { order in
        found[order.service].map { $0.text == order.generation } ?? answers(order)
      }.map(\.service))
  }

  /// From how many services on the disk is waited for once for all, and workers are asked in a row.
  static let many = 8

  /// Whether two answers in a row confirm the generation.
  func answers(_ order: Order) -> Bool {
    let probe = router.config.probe(order.service)
    var agreed = 0
    // On a busy host a worker may be late: that alone is no reason for a reload.
    for _ in 0..<4 where agreed < 2 {
      guard let answer = try? probe.query(order.service) else { continue }
      guard answer.generation == order.generation else { return false }
      agreed += 1
    }
    return agreed == 2
  }

  // MARK: the lock

  private func takeLock(patience: Span, force: Bool) throws(RouterError) -> FileLock? {
    let path = router.config.run.lock(.installing)
    do throws(FileError) {
      try Files.makeFolder(nginx.include)
    } catch {
      let fault = RightsAdvice.unwritable(nginx.include, "nginx.include")
      throw RouterError(
        .refused, fault?.fact ?? error.description,
        hint: fault?.hint ?? "The folder is set by nginx.include in the config")
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

  func checkStop() throws(RouterError) {
    if stop.isRequested { throw RouterError(.cancelled, "not wanted any more") }
  }
}
