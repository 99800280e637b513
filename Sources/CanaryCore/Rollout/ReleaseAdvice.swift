/// What you can do where a release went back for want of something, by the words of what was seen.
package enum ReleaseAdvice {
  /// For a pool that did not get ready.
  package static func unready(_ fault: Unready, _ pool: PoolName) -> String? {
    guard case .pool(let words) = fault else { return nil }
    if words.contains("answered 404") {
      return
        "Has the app another path for its health? Name one that it answers in the config, such as health: \"/\"; with health: false an open connection is enough"
    }
    if words.contains("refuses connections") {
      return
        "Does the new version run, and on that port? Start it, or correct the servers of pool \(pool) in the config"
    }
    return "Look into the new version's own log, then promote again"
  }

  /// For a stage that its checks held until its deadline; nil: the checks say enough.
  static func held(_ gates: [CheckState], _ service: ServiceName) -> String? {
    let waiting = gates.filter { $0.verdict != .pass }
    if waiting.contains(where: { $0.verdict == .error }) {
      return "Does that source answer this host? Try it: canary check \(service)"
    }
    guard waiting.allSatisfy({ $0.verdict == .inconclusive }),
      let first = waiting.first(where: { $0.detail.contains(" requests in ") })
    else { return nil }
    if first.detail.contains(LogReading.silence) {
      return
        "Nginx logged no request of \(service) at all. Do clients reach it, and does the location that they reach include \(service).location? See: canary check \(service)"
    }
    return
      "That is too little traffic for this plan: give the stage a longer soak and deadline, more weight, or a smaller min_requests. What a plan needs: canary simulate \(service) --rps N"
  }
}
