internal import CanaryAdapters
internal import CanaryCore
internal import Glibc
package import Testing

/// What a test asks of the line in which blocking or busy tests wait for their turn.
package struct Place: TestTrait {
  /// Smaller ones are let in first.
  var order = 1
  /// Takes half of the places.
  var isHungry = false
}

extension Trait where Self == Place {
  /// Takes long, and so begins early: the run would otherwise end with this test alone.
  package static var long: Self { Place(order: 0) }

  /// Needs its share of the cores, or does not end: it comes last, with few others beside it.
  package static var hungry: Self { Place(order: 2, isHungry: true) }
}

/// Lets so many through at once; it opens a moment after the first has come, when all stand in line.
actor Turnstile {
  /// Three for each core, because most of what these do is to wait.
  ///
  /// `CANARY_TEST_TURNS` says otherwise.
  static let blocking = Turnstile(
    places: number("CANARY_TEST_TURNS") ?? 2 * cores)
  static let busy = Turnstile(places: max(1, cores - 1))

  static let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

  private static func number(_ name: String) -> Int? {
    getenv(name).flatMap { Int(String(cString: $0)) }
  }

  private typealias Waiting = (
    order: Int, size: Int, continuation: CheckedContinuation<Void, Never>
  )
  private let places: Int
  private var free: Int
  private var waiting: [Waiting] = []
  private var opening: Task<Void, Never>?

  init(places: Int) {
    self.places = places
    free = 0
  }

  /// Does the work once it is its turn.
  nonisolated func pass(_ test: Test, _ work: @concurrent @Sendable () async throws -> Void)
    async throws
  {
    let place = test.traits.lazy.compactMap { $0 as? Place }.first ?? Place()
    await enter(place)
    let begun = SystemClock.now
    defer { Self.note(test, begun) }
    do {
      try await work()
    } catch {
      await leave(place)
      throw error
    }
    await leave(place)
  }

  func enter(_ place: Place) async {
    opening = opening ?? Task { await self.openDoors() }
    let size = size(place)
    if waiting.isEmpty, free >= size {
      free -= size
      return
    }
    await withCheckedContinuation { continuation in
      let index = waiting.firstIndex { $0.order > place.order } ?? waiting.count
      waiting.insert((place.order, size, continuation), at: index)
      letIn()
    }
  }

  func leave(_ place: Place = Place()) {
    free += size(place)
    letIn()
  }

  private func openDoors() async {
    try? await Task.sleep(for: .milliseconds(200))
    free += places
    letIn()
  }

  private func size(_ place: Place) -> Int { place.isHungry ? (places + 1) / 2 : 1 }

  private func letIn() {
    while let next = waiting.first, free >= next.size {
      free -= next.size
      waiting.removeFirst().continuation.resume()
    }
  }

  /// Adds a line to the file of `CANARY_TEST_TIMES`: how long a test took from its turn on, and which.
  private static func note(_ test: Test, _ begun: Instant) {
    guard let path = getenv("CANARY_TEST_TIMES") else { return }
    let spent = (SystemClock.now - begun).milliseconds
    let line = Array(
      "\(spent)\t\(begun.iso8601)\t\(test.sourceLocation.fileName)\t\(test.name)\n".utf8)
    let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    _ = write(file, line, line.count)
    close(file)
  }
}
