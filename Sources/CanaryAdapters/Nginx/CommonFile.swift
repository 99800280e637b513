internal import CSystem
package import CanaryCore
package import CanaryDriver
internal import Glibc

/// The file in which services at rest have what they share: the server that answers for each which
/// generation a worker runs.
///
/// It repeats what their main files say, so it is right once it was written after the last of them.
/// A server of each would take memory of every worker, and a file of each its time of every reload.
package struct CommonFile: Sendable {
  /// No name of a service has a dot; an include of all main files reads it.
  static let name = "canary.common.conf"

  private let renderer: any Renderer
  private let include: String
  package var path: String { "\(include)/\(Self.name)" }

  package init(_ renderer: any Renderer, in include: String) {
    self.renderer = renderer
    self.include = include
  }

  /// What it says of all services.
  package var answers: [ServiceName: RestingAnswer] {
    Files.ownContents(path, isLinked: true).map(RestingAnswer.all) ?? [:]
  }

  /// Has it say of these services what their main files say.
  ///
  /// Goes through `folder`: whoever renames that one keeps it from changing anything. Takes no lock
  /// that a stopped process might hold: what another process wrote in between comes out of the
  /// exchange, and its services are looked at as well.
  func update(
    _ services: some Sequence<ServiceName>, through folder: String?,
    reader: () -> MasterReader = { MasterReader(master: nil) }
  ) throws(RouterError) {
    var stale = Set(services)
    for _ in 0..<16 {
      let present = try refusing { () throws(FileError) in
        try Files.readOwn(path, isLinked: true)
      }
      let before = present.map(RestingAnswer.all) ?? [:]
      var answers = before
      for service in stale { answers[service] = inPlace(service) }
      if answers == before, answers.isEmpty == (present == nil) { return }
      if answers.isEmpty {
        try refusing { () throws(FileError) in try Files.remove(path) }
        return
      }
      let text = try renderer.common(Array(answers.values))
      let out = try refusing { () throws(FileError) in
        try exchange(for: text, through: folder, reader())
      }
      if out == present { return }
      let others = out.map(RestingAnswer.all) ?? [:]
      stale.formUnion(
        Set(others.keys).union(before.keys).filter { others[$0] != before[$0] })
    }
  }

  private func inPlace(_ service: ServiceName) -> RestingAnswer? {
    Files.ownContents("\(include)/\(service).conf", isLinked: true).flatMap {
      RestingAnswer(main: $0, of: service)
    }
  }

  /// Puts the text in place, and returns what stood there at that moment.
  private func exchange(
    for text: String, through folder: String?, _ reader: MasterReader
  ) throws(FileError) -> String? {
    let new = folder.map { "\($0)/common" } ?? "\(include)/.common.\(getpid())"
    unlink(new)
    let file = canary_open(new, O_WRONLY | O_CREAT | O_EXCL, 0o640)
    guard file >= 0 else { throw FileError("cannot write", new) }
    defer {
      close(file)
      unlink(new)
    }
    let mode = reader.prepare(file, new)
    try Files.writeAll(file, Array(text.utf8), path: new)
    guard fchmod(file, mode) == 0, fsync(file) == 0 else { throw FileError("cannot write", new) }
    for _ in 0..<8 {
      if canary_exchange(new, path) == 0 {
        Staging.sync(include)
        return Files.ownContents(new, isLinked: true)
      }
      guard errno == ENOENT else { break }
      // There is none yet; unless another process makes it just now.
      if link(new, path) == 0 {
        Staging.sync(include)
        return nil
      }
      guard errno == EEXIST else { break }
    }
    // A file system that exchanges nothing.
    let former = Files.ownContents(path, isLinked: true)
    guard rename(new, path) == 0 else { throw FileError("cannot replace", path) }
    Staging.sync(include)
    return former
  }

  @discardableResult
  private func refusing<Value>(_ work: () throws(FileError) -> Value) throws(RouterError) -> Value {
    do throws(FileError) {
      return try work()
    } catch {
      throw RouterError(
        .refused, error.description,
        hint: "The folder of nginx.include must be writable, with room on its disk (df -h)")
    }
  }
}
