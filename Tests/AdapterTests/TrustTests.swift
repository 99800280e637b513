import CanaryAdapters
import CanaryCore
import CanaryDriver
import Glibc
import TestSupport
import Testing

/// Every file of `run` and `state` as something else than a file of ours.
@Suite(.blocking) struct TrustTests {
  /// What may stand where a file of ours belongs.
  enum Stand: String, CaseIterable { case link, lost, pipe, folder, huge, foreign, second }

  /// A folder with a file that nobody may touch, and another folder for ours.
  private struct Place {
    let folder: Folder
    var victim: String { "\(folder.path)/victim" }
    var elsewhere: String { "\(folder.path)/elsewhere" }
    var own: String { "\(folder.path)/own" }

    init() throws {
      folder = try Folder()
      try Files.replace(victim, with: "precious")
      mkdir(own, 0o755)
    }

    func put(_ stand: Stand, at path: String) throws {
      _ = unlink(path)
      switch stand {
      case .link: symlink(victim, path)
      case .lost: symlink(elsewhere, path)
      case .pipe: mkfifo(path, 0o666)
      case .folder:
        mkdir(path, 0o755)
        try Files.replace("\(path)/inside", with: "")
      case .huge:
        try Files.replace(path, with: "")
        truncate(path, 1 << 40)
      case .foreign:
        try Files.replace(path, with: "")
        chown(path, 65534, 65534)
      case .second: link(victim, path)
      }
    }

    func expectUntouched(_ what: String) throws {
      #expect(try Files.read(victim) == "precious", "\(what)")
      #expect(!Files.exists(elsewhere), "\(what)")
    }
  }

  private var stands: [Stand] { Stand.allCases.filter { $0 != .foreign || getuid() == 0 } }
  private static let note = BrakeNote(
    by: .guard, actor: "guard", reason: "x", time: SystemClock.now)

  @Test func `a brake goes on whatever stands in its place`() throws {
    for stand in stands {
      let place = try Place()
      let run = RunFolder(place.own)
      try place.put(stand, at: run.brake("chat"))
      // A link to a file is a flag to Nginx, whoever made it; the rest is none.
      let isFlag = [.link, .huge, .foreign, .second].contains(stand)
      #expect((Brake.note(run, "chat") != nil) == isFlag, "\(stand)")
      #expect((Brake.services(in: run) == ["chat"]) == isFlag, "\(stand)")
      try Brake.put(run, "chat", to: nil, header: nil, Self.note)
      #expect(Brake.note(run, "chat")?.by == .guard, "\(stand)")
      try place.expectUntouched("\(stand)")
      try Brake.lift(run, "chat")
      #expect(Brake.note(run, "chat") == nil, "\(stand)")
    }
    // By hand, as the docs say.
    let place = try Place()
    let run = RunFolder(place.own)
    #expect(try Spawn.run(["touch", run.brake("chat")], limit: .seconds(5)).succeeded)
    #expect(Brake.note(run, "chat")?.by == .person)
  }

  @Test func `a lock is had whatever stands in its place`() throws {
    for stand in stands {
      for name in ["chat.drive", "controller.lock", "install.lock"] {
        let place = try Place()
        let path = "\(place.own)/\(name)"
        try place.put(stand, at: path)
        #expect(FileLock.holder(path) == nil, "\(stand)")
        let lock = try FileLock.acquire(path, patience: .seconds(1))
        #expect(lock != nil && FileLock.holder(path) == getpid(), "\(stand)")
        try place.expectUntouched("\(stand)")
        var facts = stat()
        #expect(stat(path, &facts) == 0 && facts.st_mode & 0o777 == 0o600, "\(stand)")
        withExtendedLifetime(lock) {}
      }
    }
  }

  @Test func `a set and the signs of watchers lead nowhere else`() throws {
    for stand in stands {
      let place = try Place()
      let run = RunFolder(place.own)
      try place.put(stand, at: run.watched)
      Watchers.watch(in: run)
      try place.put(stand, at: run.snapshot("chat"))
      #expect(LiveSnapshotFile.read("chat", in: run) == nil, "\(stand)")
      try place.put(stand, at: "\(place.own)/seats")
      let sets = SeatSets(run, "chat")
      #expect(stand == .folder || sets.generation("blue", "green") == nil)
      #expect(
        try sets.put(["1", "2"], Generation(3), "blue", "green", stops: nil) == .set, "\(stand)")
      #expect(sets.has(Generation(3), "blue", "green"), "\(stand)")
      try sets.lead(to: nil, at: SystemClock.now)
      #expect(!sets.meets("blue", "green"), "\(stand)")
      try place.expectUntouched("\(stand)")
    }
    // A link to a folder of others: nothing in there is renamed or removed.
    let place = try Place()
    let run = RunFolder(place.own)
    let theirs = "\(place.folder.path)/theirs/blue.green/now"
    try Files.makeFolder(theirs)
    try Files.replace("\(theirs)/7", with: "")
    try Files.makeFolder("\(place.own)/seats")
    symlink("\(place.folder.path)/theirs", run.seats("chat"))
    try SeatSets(run, "chat").lead(to: nil, at: SystemClock.now)
    #expect(Files.exists("\(theirs)/7"))
  }

  @Test func `a store that is no file of ours is refused by name`() async throws {
    for stand in stands {
      for name in ["canary.db", "canary.db-wal", "canary.db-shm"] {
        let place = try Place()
        try place.put(stand, at: "\(place.own)/\(name)")
        let store = SQLiteStore(folder: place.own, patience: .seconds(0.1))
        do throws(StoreError) {
          _ = try await store.load("chat")
          // What SQLite left of another time may be of any length.
          #expect(stand == .huge && name != "canary.db", "\(stand) \(name)")
        } catch {
          guard case .unavailable(let fault) = error else { continue }
          #expect(stand == .huge || fault.description.contains(name), "\(stand): \(fault)")
        }
        try place.expectUntouched("\(stand) \(name)")
      }
    }
  }

  @Test func `what is behind sudo and su is one person`() {
    func person(_ uid: UInt32, _ login: String?, _ sudo: String? = nil) -> Person {
      ThisProcess.actor(uid: uid, login: login, sudo: sudo.flatMap(UInt32.init), origin: "")
        .person ?? Person(uids: [], users: [], groups: [])
    }
    let li = person(4001, "4001\n")
    // By another account, with and without a trace of sudo; as root; and by a program that says so.
    for same in [
      person(4002, "4001\n"), person(4002, "4294967295", "4001"), person(0, "4001"),
      person(0, nil, "4001"), person(4002, nil, "4001"),
    ] {
      #expect(li.mayBe(same), "\(same)")
    }
    #expect(!li.mayBe(person(4002, "4002")) && !li.mayBe(person(4002, "4294967295")))
    #expect(!li.mayBe(person(4002, "no number")))
    #expect(person(4001, "4294967295").uids == [4001])
    // A claim gives no rights: only root has the groups of whom sudo names.
    #expect(person(4002, nil, "0").users == ["uid 4002"])
    let both = ThisProcess.actor(uid: 4002, login: "4001", sudo: 4003, origin: "")
    #expect(both.description == "uid 4002 (behind it uid 4001, uid 4003)")
    #expect(
      ThisProcess.actor(uid: 0, login: "4001", sudo: 4001, origin: "").description
        == "uid 4001 (sudo)")
    #expect(
      ThisProcess.actor(uid: 0, login: "4001", sudo: nil, origin: "").description
        == "uid 4001 (as root)")
  }
}
