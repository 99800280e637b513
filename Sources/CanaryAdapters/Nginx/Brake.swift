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

  /// Removes the flag, and gives the relay socket of a TCP service its name back.
  package static func lift(_ run: RunFolder, _ service: ServiceName) throws(FileError) {
    let (relay, off) = (run.relay(service), run.relayAside(service))
    if Files.exists(off), !Files.exists(relay), rename(off, relay) == 0 {
      // When Nginx no longer listens on it, the file would keep the next Nginx from creating its
      // socket.
      _ = UnixSocket.removeStale(relay)
    }
    try Files.remove(run.brake(service))
  }

  /// Puts the brake on with a note, which leads every new request to a pool.
  ///
  /// Nil: to where a revert would lead, as far as the folder `run` tells. In a TCP service, also
  /// renames the relay socket.
  package static func put(
    _ run: RunFolder, _ service: ServiceName, to pool: PoolName?, _ note: BrakeNote
  ) throws(FileError) {
    // Somebody may have removed the folder, and with it every set.
    try? Files.makeFolder(run.path)
    // First what moves the traffic, and even when the note cannot be written.
    let led = Result { () throws(FileError) in
      try SeatSets(run, service).lead(to: pool, at: note.time)
    }
    // What was removed as a whole is made again: Nginx looks for the same path.
    try? Files.makeFolder(run.path)
    let flag = Result { () throws(FileError) in
      try put(run.brake(service), text: text(note), spare: run.spareBrake(service))
    }
    // Without that name no new connection reaches the relay: the very next one goes to the other
    // pool.
    let relay = run.relay(service)
    if Files.exists(relay) { _ = rename(relay, run.relayAside(service)) }
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
