package import CanaryDriver
internal import CSystem
package import CanaryCore
internal import FoundationEssentials
internal import Glibc

/// The brake's flag file.
///
/// Nginx only asks whether it exists; its content, the note, is for canary and for people.
package enum Brake {
  /// The services whose flag file exists.
  package static func services(in run: RunFolder) -> [ServiceName] {
    Files.names(in: run.path).compactMap(RunFolder.service(ofBrake:)).filter {
      isSeen(run.brake($0))
    }
  }

  /// Makes a flag ready, which needs neither an inode nor a descriptor to be put up later.
  package static func prepare(_ run: RunFolder, _ service: ServiceName) {
    let spare = run.spareBrake(service)
    guard !Files.isThere(spare) || Trust.fault(of: spare) != nil else { return }
    let note = BrakeNote(
      by: .driver, actor: "canary", reason: "there was no room or descriptor for the reason",
      time: SystemClock.now)
    try? Files.replace(spare, with: text(note), isSynced: false)
  }

  /// Creates the flag first and writes the note afterwards: a full disk may cut the note, never the
  /// brake.
  ///
  /// Where no file can be created any more, the one of `prepare` takes the name.
  static func put(_ path: String, text: String, spare: String) throws(FileError) {
    // What Nginx would not take for a flag makes way for one.
    if Trust.fault(of: path) != nil { Files.clearWay(path) }
    let file: CInt
    do throws(FileError) {
      file = try Files.openOwn(
        path, O_WRONLY | O_CREAT, mode: 0o644, "cannot put the brake on:")
    } catch {
      if isSeen(path) || rename(spare, path) == 0 && isSeen(path) { return }
      throw error
    }
    defer { close(file) }
    let bytes = Array(text.utf8)
    _ = ftruncate(file, 0)
    _ = write(file, bytes, bytes.count)
  }

  /// Removes the flag.
  package static func lift(_ run: RunFolder, _ service: ServiceName) throws(FileError) {
    try Files.remove(run.brake(service))
  }

  /// Whether the flag is up.
  static func isOn(_ run: RunFolder, _ service: ServiceName) -> Bool {
    isSeen(run.brake(service))
  }

  /// Whether a brake can lead to that pool while the text with this first line is in place.
  package static func leads(_ header: GeneratedHeader?, to pool: PoolName) -> Bool {
    guard let header, !header.hasSeats, let routing = header.routing else { return true }
    return routing.brake == pool || routing.stable == pool && header.mayStay
  }

  /// Has the brake of a weighted group lead to stable from now on, by the text that names the pool
  /// before the last promotion as well.
  static func stay(_ run: RunFolder, _ service: ServiceName) throws(FileError) {
    if stays(run, service) { return }
    close(try Files.openOwn(run.stays(service), O_WRONLY | O_CREAT, mode: 0o644, "cannot make"))
  }

  /// Whether `stay` holds.
  static func stays(_ run: RunFolder, _ service: ServiceName) -> Bool {
    isSeen(run.stays(service))
  }

  /// Puts the brake on with a note, which leads every new request to a pool.
  ///
  /// Nil: to where a revert would lead, as far as the folder `run` tells. `header` is the first line
  /// of the text in place. In a TCP service, also takes the ways to all other pools away.
  package static func put(
    _ run: RunFolder, _ service: ServiceName, to pool: PoolName?, header: GeneratedHeader?,
    _ note: BrakeNote
  ) throws(FileError) {
    // Somebody may have removed the folder, and with it every set.
    try? Files.makeFolder(run.path)
    // Before the flag: running workers may have a text whose brake leads to the former pool.
    if let pool, let header, !header.hasSeats, let routing = header.routing,
      routing.stable == pool, routing.brake != pool
    {
      try stay(run, service)
    }
    // First what moves the traffic, and even when the note cannot be written.
    let led = Result { () throws(FileError) in
      try SeatSets(run, service).lead(to: pool, at: note.time)
    }
    // What was removed as a whole is made again: Nginx looks for the same path.
    try? Files.makeFolder(run.path)
    let flag = Result { () throws(FileError) in
      try put(run.brake(service), text: text(note), spare: run.spareBrake(service))
    }
    // Without a way no new connection reaches the pool: the very next one goes to the other one.
    RelayWays(run, service).close(but: pool)
    // A text that 0.1.0 wrote has a socket in its place.
    unlink(run.formerRelay(service))
    try led.get()
    try flag.get()
  }

  private static func text(_ note: BrakeNote) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    return ((try? encoder.encode(note)).map { String(decoding: $0, as: UTF8.self) } ?? "") + "\n"
  }

  /// Whether Nginx, by its `-f`, takes what stands there for the flag.
  private static func isSeen(_ path: String) -> Bool { Files.isPlain(path) }

  /// The note in the flag; nil: no brake.
  ///
  /// A flag without one, such as from `touch`, counts as a person's; and so does one that Nginx sees
  /// but that is no file of canary's.
  package static func note(_ run: RunFolder, _ service: ServiceName) -> BrakeNote? {
    let path = run.brake(service)
    guard isSeen(path) else { return nil }
    var text = Files.ownContents(path, limit: 64 << 10) ?? ""
    if text.isEmpty, let made = Files.signature(of: path)?.time,
      SystemClock.now - made < .seconds(1)
    {
      // The note follows the flag in a moment.
      usleep(20_000)
      text = Files.ownContents(path, limit: 64 << 10) ?? ""
    }
    if let note = try? JSONDecoder().decode(BrakeNote.self, from: Data(text.utf8)) { return note }
    return BrakeNote(
      by: .person, actor: "unknown", reason: "the brake file was made by hand",
      time: SystemClock.now)
  }
}
