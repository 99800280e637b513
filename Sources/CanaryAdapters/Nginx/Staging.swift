internal import CSystem
internal import CanaryCore
internal import Glibc
internal import Synchronization

/// The generated files of a service on their way into place, and back: a folder beside them through
/// which every one of them is moved by `rename`.
///
/// An installation that renames the folder of another one has overtaken it: every later move of the
/// other fails, whenever its process goes on. So neither a lock nor a look before a move has to be
/// trusted. A process that is killed leaves its folder behind, which says what to put back.
final class Staging {
  /// Why a file was not moved.
  enum Failure: Error {
    /// Another installation has taken this one over; it must not touch anything any more.
    case overtaken
    case file(FileError)
  }

  private let include: String
  private let name: StagingName
  /// The folder; whoever renames it takes the installation over.
  let path: String
  /// Locked while this process lives.
  private let life: StagingLife
  /// Stands for the lock, and for the token, of each of many installations.
  private let mark: StagingMark?
  private let reader: MasterReader

  private static let count = Atomic<Int>(0)

  /// Makes the folder.
  ///
  /// Whoever does so first and then looks at what is in place sees each later installation, or is
  /// overtaken by it. With a mark, that one shows that its process lives.
  init(
    _ include: String, _ service: ServiceName, _ generation: Generation, mark: StagingMark? = nil,
    reader: MasterReader = MasterReader(master: nil)
  ) throws(FileError) {
    self.include = include
    var made: (name: StagingName, path: String)?
    for _ in 0..<100 where made == nil {
      let number = Self.count.wrappingAdd(1, ordering: .relaxed).newValue
      let name = StagingName(
        service: service, generation: generation, owner: "\(getpid())-\(number)")
      let root = Self.root(include)
      let path = "\(root)/\(name.path)"
      // A folder goes with the last one in it, and two containers may give out the same pid.
      if try Self.make(root, like: include, mayExist: true),
        try Self.make("\(root)/\(service)", like: include, mayExist: true),
        try Self.make(path, like: include, mayExist: false)
      {
        made = (name, path)
      }
    }
    guard let made else { throw FileError("cannot write in", include) }
    (name, path) = made
    self.mark = mark
    life = StagingLife(path, mark)
    self.reader = reader
  }

  static func root(_ include: String) -> String { "\(include)/.installing" }

  /// Whether no other installation has taken this one over.
  var isMine: Bool { Files.exists(path) }

  /// A file that is there as long as `isMine`; a program that reads it cannot be started later.
  var token: String { "\(path)/token" }

  // MARK: into place

  /// Makes the files that are to be in place, and keeps those that are.
  ///
  /// Uses no file of the disk any more afterwards: neither `place` nor `putBack` needs a free block.
  /// Unless `isSynced`, `syncAll` must follow.
  func stage(_ files: GeneratedFiles, isSynced: Bool = true) throws(Failure) {
    if mark?.link(as: token) != true { try write("token", "", isSynced: false) }
    for (suffix, text) in files.all {
      let present = target(suffix)
      if Files.exists(present) { try copy(present, as: "\(path)/former.\(suffix)") }
      guard let text else { continue }
      try write("wrote.\(suffix)", text, isSynced: isSynced)
      try copy("\(path)/wrote.\(suffix)", as: "\(path)/new.\(suffix)")
    }
    try copy("\(path)/token", as: "\(path)/untested")
  }

  /// Moves the staged files into place; unless `isSynced`, `sync` must follow.
  func place(_ files: GeneratedFiles, isSynced: Bool = true) throws(Failure) {
    for (suffix, text) in files.all {
      if text != nil {
        try move("\(path)/new.\(suffix)", to: target(suffix))
      } else if Files.exists(target(suffix)) {
        try move(target(suffix), to: "\(path)/removed.\(suffix)")
      }
    }
    if isSynced { Self.sync(include) }
  }

  /// Notes that Nginx has tested the files: if this process is killed, they stay.
  func noteTested() { _ = rename("\(path)/untested", "\(path)/tested") }

  // MARK: back

  /// Puts back what was in place before; returns whether everything is as it was.
  ///
  /// A file that is not the one that this installation wrote stays, and so does everything once it
  /// is overtaken.
  func putBack(_ warn: (String) -> Void) -> Bool {
    _ = rename("\(path)/tested", "\(path)/untested")
    return undo(path, warn)
  }

  /// Removes the folder.
  func remove() {
    // First, so that one who takes over in the middle of this undoes nothing.
    unlink("\(path)/untested")
    unlink("\(path)/tested")
    Self.removeAll(path)
    rmdir("\(Self.root(include))/\(name.service)")
    rmdir(Self.root(include))
  }

  private func undo(_ folder: String, _ warn: (String) -> Void) -> Bool {
    var isWhole = true
    for suffix in GeneratedFiles.suffixes {
      let file = target(suffix)
      do throws(Failure) {
        if let wrote = Files.ownContents("\(folder)/wrote.\(suffix)", isLinked: true) {
          guard let present = Files.ownContents(file, isLinked: true), present == wrote,
            Seal.isWhole(present)
          else {
            // Not placed yet, or somebody else's by now.
            continue
          }
          if Files.exists("\(folder)/former.\(suffix)") {
            try move("\(folder)/former.\(suffix)", to: file)
          } else {
            try move(file, to: "\(folder)/discarded.\(suffix)")
          }
        } else if !Files.exists(file), Files.exists("\(folder)/removed.\(suffix)") {
          try move("\(folder)/removed.\(suffix)", to: file)
        }
      } catch {
        isWhole = false
        if case .file(let error) = error { warn("\(file) could not be put back: \(error)") }
      }
    }
    Self.sync(include)
    for nested in Files.names(in: folder)
    where StagingName(nested) != nil && Files.exists("\(folder)/\(nested)/untested") {
      isWhole = undo("\(folder)/\(nested)", warn) && isWhole
    }
    return isWhole && isMine
  }

  // MARK: other installations

  /// Takes over every installation of the service with a lower generation, and puts back what it
  /// has placed but not tested.
  func takeOverLower(_ warn: (String) -> Void) {
    for folder in take({ $0.generation < name.generation })
    where Files.exists("\(folder)/untested") {
      _ = undo(folder, warn)
    }
  }

  /// Takes over every installation of the service with a generation up to this one's.
  ///
  /// Their files are in place no more, or are the same as this one's.
  func takeOverAll() { _ = take { $0.generation <= name.generation } }

  private func take(_ isWanted: (StagingName) -> Bool) -> [String] {
    Self.names(include, name.service).filter { $0 != name && isWanted($0) }.compactMap(take)
  }

  /// The folder of the other installation, which is in this one's now; nil: it is over.
  private func take(_ other: StagingName) -> String? {
    let taken = "\(path)/\(other)"
    return rename("\(Self.root(include))/\(other.path)", taken) == 0 ? taken : nil
  }

  /// Puts back what installations of killed processes have placed but not tested; returns their
  /// services.
  @discardableResult
  static func recover(_ include: String, _ warn: @escaping (String) -> Void) -> [ServiceName] {
    StagingMark.removeDead(root(include))
    let dead = names(include).filter { !StagingLife.lasts(in: "\(root(include))/\($0.path)") }
    for name in dead {
      if undo(name, include, warn) {
        warn(
          "the files of \(name.service) with generation \(name.generation) were never tested, because their installation was killed; the former ones are back"
        )
      }
    }
    return dead.map(\.service)
  }

  /// Puts back what running installations of other services have placed but not tested; returns
  /// their services.
  static func undoOthers(
    than service: ServiceName, _ include: String, _ warn: @escaping (String) -> Void
  ) -> [ServiceName] {
    names(include).filter { $0.service != service && undo($0, include, warn) }.map(\.service)
  }

  /// Takes the installation over and puts back its untested files; returns whether it had any.
  private static func undo(_ name: StagingName, _ include: String, _ warn: (String) -> Void) -> Bool
  {
    guard let own = try? Staging(include, name.service, name.generation),
      let folder = own.take(name)
    else { return false }
    defer { own.remove() }
    let isUntested = Files.exists("\(folder)/untested")
    if isUntested { _ = own.undo(folder, warn) }
    return isUntested
  }

  private static func names(_ include: String) -> [StagingName] {
    Files.names(in: root(include)).compactMap(ServiceName.init).flatMap { names(include, $0) }
  }

  private static func names(_ include: String, _ service: ServiceName) -> [StagingName] {
    Files.names(in: "\(root(include))/\(service)").compactMap(StagingName.init)
  }

  // MARK: files

  private func target(_ suffix: String) -> String { "\(include)/\(name.service).\(suffix)" }

  private func move(_ file: String, to place: String) throws(Failure) {
    // Between two names of one file, `rename` does nothing.
    if place.hasPrefix("\(path)/") { unlink(place) }
    guard rename(file, place) == 0 else { throw failure("cannot replace", place) }
  }

  private func write(_ name: String, _ text: String, isSynced: Bool) throws(Failure) {
    try create("\(path)/\(name)", text, isSynced: isSynced)
  }

  private func create(_ new: String, _ text: String, isSynced: Bool) throws(Failure) {
    // Never into a file that has another name: that one may be in place.
    unlink(new)
    let file = canary_open(new, O_WRONLY | O_CREAT | O_EXCL, 0o640)
    guard file >= 0 else { throw failure("cannot write", new) }
    defer { close(file) }
    let mode = reader.prepare(file, new)
    do throws(FileError) {
      try Files.writeAll(file, Array(text.utf8), path: new)
    } catch {
      throw isMine ? .file(error) : .overtaken
    }
    guard fchmod(file, mode) == 0, !isSynced || fsync(file) == 0 else {
      throw failure("cannot write", new)
    }
  }

  /// A second name of the file, or a copy where the file system has no hard links.
  private func copy(_ file: String, as new: String) throws(Failure) {
    unlink(new)
    if link(file, new) == 0 || errno == ENOENT { return }
    guard let text = Files.ownContents(file, isLinked: true) else {
      throw failure("cannot read", file)
    }
    try create(new, text, isSynced: true)
  }

  private func failure(_ doing: String, _ file: String) -> Failure {
    let error = FileError(doing, file)
    return isMine ? .file(error) : .overtaken
  }
}
