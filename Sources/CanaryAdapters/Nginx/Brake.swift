package import CanaryDriver
internal import CSystem
package import CanaryCore
internal import FoundationEssentials
internal import Glibc

/// The flag file.
///
/// That it exists is all that Nginx asks; what is in it is for us and for people.
package enum Brake {
  /// The services that have a brake on, by their flag files.
  package static func services(in run: RunFolder) -> [ServiceName] {
    Files.names(in: run.path).compactMap(RunFolder.service(ofBrake:))
  }

  /// Makes the flag exist first and fills it afterwards: a full disk may cut the note, never the brake.
  static func put(_ path: String, text: String) throws(FileError) {
    let file = canary_open(path, O_WRONLY | O_CREAT, 0o644)
    guard file >= 0 else { throw FileError("cannot put the brake on:", path) }
    defer { close(file) }
    let bytes = Array(text.utf8)
    _ = ftruncate(file, 0)
    _ = write(file, bytes, bytes.count)
  }

  /// Takes the flag away, once Nginx needs it no more.
  package static func lift(_ run: RunFolder, _ service: ServiceName) throws(FileError) {
    let (relay, off) = (run.relay(service), run.relayAside(service))
    if Files.exists(off), !Files.exists(relay), rename(off, relay) == 0 {
      // Where Nginx has stopped listening, the name must not stand in the way of the next socket.
      _ = UnixSocket.removeStale(relay)
    }
    try Files.remove(run.brake(service))
  }

  /// Puts the brake on with a note.
  package static func put(_ run: RunFolder, _ service: ServiceName, _ note: BrakeNote)
    throws(FileError)
  {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    try put(
      run.brake(service),
      text: ((try? encoder.encode(note)).map { String(decoding: $0, as: UTF8.self) } ?? "") + "\n")
    // Without its name, nobody can connect to it any more: the very next connection goes to the other pool.
    let relay = run.relay(service)
    if Files.exists(relay) { _ = rename(relay, run.relayAside(service)) }
  }

  /// The note in the flag; a flag made by hand, such as by `touch`, is a person's.
  package static func note(_ run: RunFolder, _ service: ServiceName) -> BrakeNote? {
    guard let text = Files.contents(run.brake(service), limit: 64 << 10) else { return nil }
    if let note = try? JSONDecoder().decode(BrakeNote.self, from: Data(text.utf8)) { return note }
    return BrakeNote(
      by: .person, actor: "unknown", reason: "the brake file was made by hand",
      time: SystemClock.now)
  }
}
