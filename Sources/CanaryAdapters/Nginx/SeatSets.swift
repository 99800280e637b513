internal import CSystem
package import CanaryCore
internal import Glibc
internal import Synchronization

/// The sets of seats of one service, as folders that Nginx's workers look into.
///
/// `SERVICE/BASE.OTHER/now` is the set in force for the text that leads to BASE by itself: an empty
/// file for each seat that meets OTHER, and one, `g42`, that names its generation. Empty files need
/// no free block, and a set comes and goes in one rename: so a full disk keeps nothing from ending,
/// and no request meets half of a set.
package struct SeatSets: Sendable {
  private let path: String
  private let run: String

  private static let count = Atomic<Int>(0)

  /// The pairs whose sets this process has made or seen, by the folder of their service: they can be
  /// removed without a descriptor to list them by.
  private static let remembered = Mutex<[String: Set<String>]>([:])

  private func remember(_ pair: String) {
    _ = Self.remembered.withLock { $0[path, default: []].insert(Files.name(of: pair)) }
  }

  /// A part of a file's name that no other thread or process has.
  private static var own: String {
    "\(getpid())-\(count.wrappingAdd(1, ordering: .relaxed).newValue)"
  }

  package init(_ run: RunFolder, _ service: ServiceName) {
    path = run.seats(service)
    self.run = run.path
  }

  private func pair(_ stable: PoolName, _ other: PoolName) -> String {
    "\(path)/\(RunFolder.pair(stable, other))"
  }
  private func now(_ pair: String) -> String { "\(pair)/\(RunFolder.setInForce)" }

  /// Every pair that has a folder.
  private var pairs: [(stable: PoolName, other: PoolName, path: String)] {
    let seen = Self.remembered.withLock { $0[path] ?? [] }
    let found = Files.isOwnFolder(path) ? Files.names(in: path) : []
    return seen.union(found).sorted().compactMap { name in
      let parts = name.split(separator: ".", omittingEmptySubsequences: false)
      guard parts.count == 2, let stable = PoolName(String(parts[0])),
        let other = PoolName(String(parts[1]))
      else { return nil }
      return (stable, other, "\(path)/\(name)")
    }
  }

  // MARK: who may still set

  // No name of a pool begins so.
  private static let stop = "@stop."
  private static let former = "@former."

  /// The number of the last stop; 0: there was none.
  ///
  /// Who is to make a set reads it before, and may only set it while the number stands.
  package var stops: Int {
    Files.names(in: path).compactMap {
      $0.hasPrefix(Self.stop) ? Int($0.dropFirst(Self.stop.count)) : nil
    }.max() ?? 0
  }

  /// Makes every set that is under way too late.
  private func raiseStops() {
    let last = stops
    try? makeFolder(path)
    if !Self.touch("\(path)/\(Self.stop)\(last.saturatingSum(1))") {
      // Without a free inode the former number takes the name of the next.
      _ = rename("\(path)/\(Self.stop)\(last)", "\(path)/\(Self.stop)\(last.saturatingSum(1))")
    }
    unlink("\(path)/\(Self.stop)\(last)")
  }

  // MARK: sets

  /// Removes what a brake has left where there never was a set.
  package func close() {
    guard pairs.isEmpty, former(at: Instant(milliseconds: 0)) == nil else { return }
    Self.remove(path)
  }

  /// Leaves the pair without a set.
  package func empty(_ stable: PoolName, _ other: PoolName) { empty(pair(stable, other)) }

  /// Leaves the pair without a set, but for one that a brake has made since.
  package func end(_ stable: PoolName, _ other: PoolName, since stops: Int) {
    guard stops == self.stops else { return }
    empty(stable, other)
    // One that came in between these two lines is put on once more.
    if stops != self.stops { try? lead(to: nil, at: SystemClock.now) }
  }

  /// The generation of the set in force, whatever it holds; nil: there is no set.
  package func generation(_ stable: PoolName, _ other: PoolName) -> Generation? {
    Files.names(in: now(pair(stable, other))).lazy.compactMap(Self.generation).first
  }

  /// The generation of a set, nil without one, and its seats.
  typealias Content = (generation: Generation?, seats: Set<String>)

  /// What the set in force holds.
  func content(_ stable: PoolName, _ other: PoolName) -> Content {
    let names = Files.names(in: now(pair(stable, other)))
    return (
      names.lazy.compactMap(Self.generation).first,
      Set(names.filter { Self.generation($0) == nil })
    )
  }

  /// The highest generation of all sets in force; nil: there is none.
  package var newest: Generation? {
    pairs.compactMap { generation($0.stable, $0.other) }.max()
  }

  /// Whether the set of that generation is in force.
  package func has(_ generation: Generation, _ stable: PoolName, _ other: PoolName) -> Bool {
    let isThere = Files.exists("\(now(pair(stable, other)))/g\(generation)")
    if isThere { remember(pair(stable, other)) }
    return isThere
  }

  /// Whether the set in force lets a request meet the other pool.
  package func meets(_ stable: PoolName, _ other: PoolName) -> Bool {
    Files.names(in: now(pair(stable, other))).contains { Self.generation($0) == nil }
  }

  private static func generation(_ name: String) -> Generation? {
    name.first == "g" ? Int(name.dropFirst()).map(Generation.init) : nil
  }

  package enum Outcome: Hashable, Sendable {
    case set
    /// A brake or a revert came in between; nothing was set.
    case stopped
  }

  /// Puts a set in force, in one step; nil `stops`: whatever came in between.
  package func put(
    _ seats: [String], _ generation: Generation, _ stable: PoolName, _ other: PoolName,
    stops: Int?
  ) throws(FileError) -> Outcome {
    let pair = pair(stable, other)
    try makeFolder(pair)
    remember(pair)
    if stops == 0 { Self.touch("\(path)/\(Self.stop)0") }
    let next = "\(pair)/next.\(generation).\(Self.own)"
    Self.remove(next)
    try makeFolder(next)
    defer { Self.remove(next) }
    for name in seats + ["g\(generation)"] where !Self.touch("\(next)/\(name)") {
      throw FileError("cannot write in", next)
    }
    // A brake raises the number first, then removes every set that is being made, and the one in
    // force last. So a set that was made before the brake is gone, and one that is made after it
    // is seen here.
    for _ in 0..<3 {
      if let stops, stops != self.stops { return .stopped }
      if rename(next, now(pair)) == 0 || canary_exchange(next, now(pair)) == 0 { return .set }
    }
    if !Files.exists(next) { return .stopped }
    throw FileError("cannot put in force", next)
  }

  /// Leads every request to one pool, now: removes the sets where that pool is the base, and lets
  /// all seats meet it where it is the other one.
  ///
  /// Nil: to the pool that `keepFormer` has named, else to the base of each text.
  package func lead(to pool: PoolName?, at now: Instant) throws(FileError) {
    raiseStops()
    let goal = pool ?? former(at: now)
    var fault: FileError?
    for pair in pairs {
      if let goal, pair.other == goal, pair.stable != goal {
        do throws(FileError) {
          // Old workers may still seat requests by an older text: those seats are in what it left.
          let seats = Set(
            Files.names(in: self.now(pair.path)).filter { Self.generation($0) == nil })
          _ = try put(
            seats.union(Seating.every).sorted(), Generation(0), pair.stable, pair.other, stops: nil)
        } catch {
          fault = error
        }
      } else {
        empty(pair.path)
      }
    }
    if let fault { throw fault }
    // One that names a generation alone is of another process, which leads to stable as well.
    let left = pairs.first { $0.other != goal && meets($0.stable, $0.other) }
    if let left { throw FileError("cannot remove", self.now(left.path)) }
  }

  private func empty(_ pair: String) {
    for name in Files.names(in: pair) where name.hasPrefix("next.") {
      Self.remove("\(pair)/\(name)")
    }
    // In one step: a request between the removals of two seats would meet half of a set.
    let gone = "\(pair)/gone.\(Self.own)"
    Self.remove(gone)
    if rename(now(pair), gone) != 0 { Self.remove(now(pair)) }
    Self.remove(gone)
  }

  // MARK: the pool before a promotion

  /// Names the pool that a brake leads to until then: the one before the promotion to `stable`.
  package func keepFormer(_ pool: PoolName, of stable: PoolName, until: Instant) throws(FileError) {
    forgetFormer()
    // A brake makes a set for the text to come, too.
    try makeFolder(pair(stable, pool))
    guard Self.touch("\(path)/\(Self.former)\(pool).\(until.milliseconds)") else {
      throw FileError("cannot write in", path)
    }
  }

  /// A brake leads to the base from now on.
  package func forgetFormer() {
    for name in Files.names(in: path) where name.hasPrefix(Self.former) {
      unlink("\(path)/\(name)")
    }
  }

  /// The pool of `keepFormer`; nil: there is none, or its time is over.
  package func former(at now: Instant) -> PoolName? {
    for name in Files.names(in: path) where name.hasPrefix(Self.former) {
      let parts = name.dropFirst(Self.former.count).split(separator: ".")
      guard parts.count == 2, let until = Int64(parts[1]),
        now < Instant(milliseconds: until)
      else { continue }
      return PoolName(String(parts[0]))
    }
    return nil
  }

  // MARK: files

  /// Makes a folder that whoever may write in `run` may change, whoever made it.
  ///
  /// With `sudo` a person makes it, and the controller's own user has to go on with it.
  private func makeFolder(_ folder: String) throws(FileError) {
    if Files.isOwnFolder(folder) { return }
    // A link would lead what is removed here to somewhere else.
    if Files.isThere(folder) { Files.clearWay(folder) }
    let parent = Files.folder(of: folder)
    if parent != run { try makeFolder(parent) }
    var facts = stat()
    guard stat(run, &facts) == 0 else { throw FileError("cannot make the folder", folder) }
    let isShared = facts.st_mode & 0o2020 == 0o2020
    try Files.makeFolder(folder, mode: isShared ? 0o2775 : 0o755)
    if geteuid() == 0 { chown(folder, facts.st_uid, facts.st_gid) }
  }

  @discardableResult
  private static func touch(_ path: String) -> Bool {
    guard let file = try? Files.openOwn(path, O_WRONLY | O_CREAT, mode: 0o644, "cannot make")
    else { return false }
    Glibc.close(file)
    return true
  }

  /// Removes a folder of plain files.
  private static func remove(_ folder: String) {
    for name in Files.names(in: folder) { unlink("\(folder)/\(name)") }
    rmdir(folder)
  }
}
