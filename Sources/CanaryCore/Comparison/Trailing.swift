/// The requests and failures of both pools in the last sixty seconds.
struct Trailing: Hashable, Sendable, Codable {
  private var stables: [BadCount]
  private var canaries: [BadCount]
  private var newest: Int64 = .min
  private(set) var stable = BadCount()
  private(set) var canary = BadCount()

  static let length = 60

  /// Whether it has a slot for each second.
  var isSound: Bool { stables.count == Self.length && canaries.count == Self.length }

  init() {
    stables = Array(repeating: BadCount(), count: Self.length)
    canaries = stables
  }

  @inline(__always)
  mutating func add(isCanary: Bool, isBad: Bool, second: Int64) {
    if second > newest { forget(upTo: second) }
    guard second > newest - Int64(Self.length) else { return }
    let slot = Int(second % Int64(Self.length))
    if isCanary {
      canaries[slot].add(isBad)
      canary.add(isBad)
    } else {
      stables[slot].add(isBad)
      stable.add(isBad)
    }
  }

  /// Moves on to a later second, and forgets the seconds that are then a minute old.
  mutating func forget(upTo second: Int64) {
    guard second > newest else { return }
    let first = max(second - Int64(Self.length) + 1, newest == .min ? second : newest + 1)
    for passed in first...second {
      let slot = Int(passed % Int64(Self.length))
      stable.requests -= stables[slot].requests
      stable.bad -= stables[slot].bad
      canary.requests -= canaries[slot].requests
      canary.bad -= canaries[slot].bad
      stables[slot] = BadCount()
      canaries[slot] = BadCount()
    }
    newest = second
  }
}
