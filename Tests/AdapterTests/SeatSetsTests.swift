import CanaryAdapters
import CanaryCore
import Dispatch
import Glibc
import TestSupport
import Testing

/// The folders of seats: what comes and goes in one step, and who may still set.
@Suite(.blocking) struct SeatSetsTests {
  private let folder: Folder
  private let run: RunFolder
  private let sets: SeatSets
  private let now = SystemClock.now

  init() throws {
    folder = try Folder()
    run = RunFolder(folder.path)
    sets = SeatSets(run, "chat")
  }

  private func seats(_ pair: String = "blue.green") -> Set<String> {
    Set(Files.names(in: "\(run.seats("chat"))/\(pair)/now"))
  }

  @Test func `a set takes the place of another whole`() throws {
    #expect(try sets.put(["0", "1"], Generation(4), "blue", "green", stops: sets.stops) == .set)
    #expect(seats() == ["0", "1", "g4"] && sets.generation("blue", "green") == Generation(4))
    #expect(sets.meets("blue", "green") && sets.has(Generation(4), "blue", "green"))
    #expect(try sets.put(["0"], Generation(5), "blue", "green", stops: sets.stops) == .set)
    #expect(seats() == ["0", "g5"] && sets.newest == Generation(5))
    #expect(Files.names(in: "\(run.seats("chat"))/blue.green") == ["now"])
    try sets.lead(to: "blue", at: now)
    #expect(seats().isEmpty && !sets.meets("blue", "green") && sets.newest == nil)
  }

  @Test func `who made up a set before a brake does not set it afterwards`() throws {
    let before = sets.stops
    try sets.lead(to: nil, at: now)
    #expect(try sets.put(["0"], Generation(4), "blue", "green", stops: before) == .stopped)
    #expect(seats().isEmpty)
    #expect(try sets.put(["0"], Generation(5), "blue", "green", stops: sets.stops) == .set)
    #expect(sets.stops == before + 1)
  }

  @Test func `many brakes and many sets at once end without a canary`() throws {
    for round in 0..<40 {
      let stops = sets.stops
      let group = DispatchGroup()
      for number in 0..<6 {
        Thread.start(in: group) { [sets, now] in
          if number % 2 == 0 {
            try? sets.lead(to: "blue", at: now)
          } else {
            _ = try? sets.put(
              ["0"], Generation(round * 10 + number), "blue", "green", stops: stops)
          }
        }
      }
      group.wait()
      // Whoever came last: each set was made up before the first brake, or that brake saw it.
      #expect(!sets.meets("blue", "green"), "round \(round)")
      try sets.lead(to: "blue", at: now)
      #expect(!sets.meets("blue", "green"), "round \(round)")
    }
  }

  @Test func `a brake leads to the pool before a promotion while that is kept`() throws {
    #expect(try sets.put(["0", "12.5"], Generation(4), "blue", "green", stops: nil) == .set)
    try sets.keepFormer("blue", of: "green", until: now + .seconds(60))
    #expect(sets.former(at: now) == "blue" && sets.former(at: now + .seconds(61)) == nil)
    try sets.lead(to: nil, at: now)
    #expect(seats().isEmpty && seats("green.blue").isSuperset(of: ["all", "0", "99", "never"]))
    // The rollout is over, or another one begins.
    sets.forgetFormer()
    try sets.lead(to: nil, at: now)
    #expect(seats("green.blue").isEmpty)
    // By name, and whatever old workers still seat requests by.
    #expect(try sets.put(["0", "12.5"], Generation(5), "blue", "green", stops: nil) == .set)
    try sets.lead(to: "green", at: now)
    #expect(seats().isSuperset(of: ["all", "12.5", "preview"]) && seats("green.blue").isEmpty)
  }

  @Test func `what ends a set leaves the one of a brake that came later`() throws {
    #expect(try sets.put(["0"], Generation(4), "green", "blue", stops: nil) == .set)
    let stops = sets.stops
    try sets.keepFormer("blue", of: "green", until: now + .seconds(60))
    try sets.lead(to: nil, at: now)
    sets.end("green", "blue", since: stops)
    #expect(seats("green.blue").contains("all"))
    sets.end("green", "blue", since: sets.stops)
    #expect(seats("green.blue").isEmpty)
  }

  @Test func `notes are no pairs, and what a brake leaves alone goes`() throws {
    try sets.lead(to: nil, at: now)
    #expect(Files.isFolder(run.seats("chat")))
    sets.close()
    #expect(!Files.exists(run.seats("chat")))
    _ = try sets.put(["0"], Generation(1), "stop", "former", stops: nil)
    try sets.lead(to: nil, at: now)
    #expect(seats("stop.former").isEmpty)
    sets.close()
    #expect(Files.exists(run.seats("chat")))
  }
}
