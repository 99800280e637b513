internal import CanaryCore
internal import CanaryDriver

/// Chooses which stages of which services to show Nginx, so that one look at a configuration covers
/// what a hundred would.
///
/// Texts that differ only in numbers and in a name of the same length are one shape: Nginx judges
/// them alike. Every service is shown in one stage under its own name; what no service was chosen
/// for is shown under a name that stands in for it.
struct StageShapes {
  /// What is shown under its own name.
  private(set) var chosen: [(ServiceName, Routing)] = []
  /// What is left.
  private(set) var others: [(ServiceName, Routing)] = []
  private var covered: Set<UInt64> = []
  private var pending: [(hash: UInt64, service: ServiceName, routing: Routing)] = []

  /// Adds a service with the texts of its stages.
  mutating func add(_ service: ServiceName, _ stages: [(routing: Routing, texts: [String])]) {
    let shapes = stages.map { stage in
      (hash: Self.hash(stage.texts, service), routing: stage.routing)
    }
    guard let first = shapes.first(where: { !covered.contains($0.hash) }) ?? shapes.first else {
      return
    }
    chosen.append((service, first.routing))
    covered.insert(first.hash)
    for shape in shapes where !covered.contains(shape.hash) {
      pending.append((shape.hash, service, shape.routing))
    }
  }

  /// After the last `add`.
  mutating func end() {
    for shape in pending where covered.insert(shape.hash).inserted {
      others.append((shape.service, shape.routing))
    }
    pending = []
  }

  /// Routings that make different texts: of weights between the ends only the first.
  static func distinct(_ routings: [Routing]) -> [Routing] {
    var seen: Set<Routing> = []
    return routings.filter { routing in
      var kind = routing
      if routing.weight > .none, routing.weight < .all {
        kind.weight = Weight(percent: 50) ?? routing.weight
      }
      return seen.insert(kind).inserted
    }
  }

  /// FNV-1a over the texts, with one mark for each number and for each place of the name.
  static func hash(_ texts: [String], _ service: ServiceName) -> UInt64 {
    let name = Array(service.text.utf8)
    let variable = Array(service.variable.utf8)
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    for text in texts {
      var text = text
      text.withUTF8 { bytes in
        var at = 0
        func has(_ word: [UInt8]) -> Bool {
          guard bytes[at] == word[0], at + word.count <= bytes.count else { return false }
          return word.indices.allSatisfy { bytes[at + $0] == word[$0] }
        }
        while at < bytes.count {
          if has(name) || has(variable) {
            add(0)
            add(UInt8(truncatingIfNeeded: name.count))
            at += name.count
          } else if bytes[at] >= 48, bytes[at] <= 57 {
            add(1)
            while at < bytes.count, bytes[at] >= 48, bytes[at] <= 57 { at += 1 }
          } else {
            add(bytes[at])
            at += 1
          }
        }
      }
      add(2)
    }
    return hash
  }
}
