internal import CanaryCore

/// The name of an installation's folder, such as `chat.42.4711-1`.
struct StagingName: Hashable, CustomStringConvertible {
  let service: ServiceName
  let generation: Generation
  let owner: String

  init(service: ServiceName, generation: Generation, owner: String) {
    self.service = service
    self.generation = generation
    self.owner = owner
  }

  init?(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3, let service = ServiceName(parts[0]), let number = Int(parts[1]) else {
      return nil
    }
    self.init(service: service, generation: Generation(number), owner: parts[2])
  }

  /// Its place among the installations of all services.
  var path: String { "\(service)/\(self)" }

  var description: String { "\(service).\(generation).\(owner)" }
}
