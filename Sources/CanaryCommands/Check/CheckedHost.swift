internal import CanaryAdapters
internal import CanaryCore

/// What on this host would keep requests from the services, for `canary check`.
enum CheckedHost {
  /// Tells each fault; `applied` are the services whose files are made already.
  static func look(
    _ config: Config, _ services: [Service], _ applied: [Service], _ tell: (String) -> Void
  ) async {
    let isLocated = services.contains(where: \.isInYourLocation)
    let faults = await Blocking.run { () -> [String] in
      let nginx = RunningNginx(config, services)
      var faults = [nginx.fault?.description].compactMap(\.self) + services.compactMap(nginx.taken)
      let main = config.nginx.config
      guard isLocated, Files.isReadable(main) else { return faults }
      let map = NginxInventory(reading: main)
      let yours = YourLocations(map)
      for service in services {
        faults += yours.faults(of: service, config)
        if applied.contains(where: { $0.name == service.name }) {
          faults += [unused(service, config, map, yours)].compactMap(\.self)
        }
      }
      return faults
    }
    for fault in faults { tell(fault) }
  }

  /// Why no request meets the service, and the line to add with its place; nil: one may.
  private static func unused(
    _ service: Service, _ config: Config, _ map: NginxInventory, _ yours: YourLocations
  ) -> String? {
    guard service.isInYourLocation, service.proxying.scheme != .tcp else { return nil }
    let isOne = service.routes.isEmpty
    let file = "\(config.nginx.include)/\(service.name).\(isOne ? "location" : "locations")"
    guard !yours.hasInclude(of: file) else { return nil }
    let fact = "\(service.name): nothing includes \(file), so no request meets canary"
    guard isOne else { return "\(fact). Add to the server {}: include \(file);" }
    let addresses = Set(service.pools.flatMap(\.servers).map(\.address))
    let found = map.proxies.lazy.compactMap { Adoption($0, map) }.first {
      $0.proxy.opener != nil && !addresses.isDisjoint(with: $0.addresses)
    }
    guard let found, let opener = found.proxy.opener else {
      return "\(fact). Add as the first line of its location: include \(file);"
    }
    let place = found.proxy
    let instead =
      found.added.isEmpty ? "" : " and write in its place: \(found.added.joined(separator: " "))"
    return
      "\(fact). In \(InitDraft.place(place)), right after the { of \(opener.file):\(opener.endLine), add: include \(file); and take out line \(place.statement.line): \(place.statement.text);\(instead)"
  }
}
