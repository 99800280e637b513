internal import CanaryCore
internal import CanaryDriver

// How the files of an installation get into place.
extension Installation {
  /// Places the files of each, but for those where there is nothing to do; returns why one is not
  /// placed.
  func placeAll(
    _ orders: [Order], mayLower: Bool, isDone: (Placement) -> Bool
  ) -> (placed: [Placement], faults: [ServiceName: RouterError]) {
    var placed: [Placement] = []
    var faults: [ServiceName: RouterError] = [:]
    var left = orders
    if orders.count >= Self.many {
      (placed, left) = placeMany(orders, mayLower: mayLower, isDone: isDone)
    }
    // One by one: what another installation got in between of, or what has a fault to be told.
    for order in left {
      do throws(RouterError) {
        if let placement = try place(order, mayLower: mayLower, isDone: isDone) {
          placed.append(placement)
        }
      } catch {
        faults[order.service] = error
      }
    }
    return (placed, faults)
  }

  /// Has the file that services at rest share say what the main files of these say.
  func share(_ services: some Sequence<ServiceName>, through placements: [Placement] = [])
    throws(RouterError)
  {
    let mine = placements.first(where: \.isMine)
    // Overtaken: whoever did that says it.
    if mine == nil, !placements.isEmpty { return }
    let all = Array(services)
    try CommonFile(router.renderer, in: nginx.include).update(all, through: mine?.folder) {
      all.first.map { MasterReader(router.config, $0) } ?? MasterReader(master: nil)
    }
  }

  /// Puts back what was in place before; returns the placements of which files were changed by that.
  @discardableResult
  func putBack(_ placements: [Placement]) -> [Placement] {
    let back = placements.filter { $0.putBack() }
    try? share(placements.map(\.order.service))
    return back
  }

  /// Places the files of many, and waits for the disk once before the first of them is moved and
  /// once after the last; returns those that could not be placed as well.
  ///
  /// So after a power cut each file is the former one or the new one, and whole.
  private func placeMany(
    _ orders: [Order], mayLower: Bool, isDone: (Placement) -> Bool
  ) -> (placed: [Placement], left: [Order]) {
    let mark = orders.first.flatMap {
      StagingMark(nginx.include, MasterReader(router.config, $0.service))
    }
    var left: [Order] = []
    func trying(_ order: Order, _ work: () throws(RouterError) -> Placement?) -> Placement? {
      do throws(RouterError) {
        return try work()
      } catch {
        left.append(order)
        return nil
      }
    }
    func orGiveUp(_ placement: Placement, _ work: () throws(RouterError) -> Void)
      throws(RouterError)
    {
      do throws(RouterError) {
        try work()
      } catch {
        placement.putBack()
        placement.end()
        throw error
      }
    }
    let staged = orders.compactMap { order in
      trying(order) { () throws(RouterError) in
        let placement = try Placement(
          order, in: router, mayLower: mayLower, mark: mark, warn: warn)
        if isDone(placement) {
          placement.end()
          return nil
        }
        try orGiveUp(placement) { () throws(RouterError) in
          try prepare(placement, mayLower: mayLower)
          try placement.stage(isSynced: false)
        }
        return placement
      }
    }
    if staged.isEmpty { return ([], left) }
    Staging.syncAll(nginx.include)
    let placed = staged.compactMap { placement in
      trying(placement.order) { () throws(RouterError) in
        try orGiveUp(placement) { () throws(RouterError) in try placement.move(isSynced: false) }
        return placement
      }
    }
    Staging.sync(nginx.include)
    return (placed, left)
  }

  private func prepare(_ placement: Placement, mayLower: Bool) throws(RouterError) {
    try placement.keepEdits(
      in: router.config.state, force: placement.order.routing.isClean || mayLower)
    try checkStop()
  }

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
        try prepare(placement, mayLower: mayLower)
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
}
