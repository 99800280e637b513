internal import CanaryCore
internal import CanaryDriver
internal import Glibc

// What a weighted group needs beside its text: where its brake leads, and the ways of a TCP service.
extension NginxRouter {
  /// Makes running workers serve a routing by a weighted group.
  func weigh(
    _ request: RouterRequest, _ installation: Installation
  ) throws(RouterError) {
    try turnBrake(before: request, installation)
    try prepareGroup(request)
    try install(request, by: installation)
    endGroup(request)
  }

  /// What must be so before workers get a text with a weighted group.
  func prepareGroup(_ request: RouterRequest) throws(RouterError) {
    try refusing { () throws(FileError) in try openWays(request.service) }
    // After a promotion the brake leads to the former pool.
    if request.routing.brakeUntil != nil { unlink(config.run.stays(request.service)) }
  }

  /// The file is of no use once no worker has a text that asks for it.
  private func endGroup(_ request: RouterRequest) {
    if request.routing.brake == request.routing.stable {
      unlink(config.run.stays(request.service))
    }
  }

  /// Before a canary gets anything, makes the brake of a weighted group lead to stable.
  ///
  /// After a promotion it leads to the former pool, which may be the canary now.
  private func turnBrake(
    before request: RouterRequest, _ installation: Installation
  ) throws(RouterError) {
    guard !request.routing.isClean, let header = header(request.service),
      let now = header.routing, now.brake != request.routing.stable
    else { return }
    // From here on it does by the former text, too, until no worker has that any more.
    if Brake.leads(header, to: request.routing.stable) {
      try refusing { () throws(FileError) in try Brake.stay(config.run, request.service) }
    }
    // The policy leaves one number free for this.
    try install(
      RouterRequest(
        service: request.service, routing: .resting(on: request.routing.stable),
        generation: Generation(request.generation.number - 1)), by: installation)
  }

  func speaksTCP(_ service: ServiceName) -> Bool {
    config.service(service)?.proxying.scheme == .tcp
  }

  /// Lets Nginx reach every pool of a TCP service, unless its brake is on.
  func openWays(_ service: ServiceName) throws(FileError) {
    guard speaksTCP(service), let pools = config.service(service)?.pools else { return }
    try RelayWays(config.run, service).open(pools.map(\.name))
  }

  func refusing<Value>(_ work: () throws(FileError) -> Value) throws(RouterError) -> Value {
    do throws(FileError) {
      return try work()
    } catch {
      throw RouterError(.refused, error.description)
    }
  }
}
