internal import CanaryCore
internal import CanaryDriver

/// The generated files of one service in one installation: what was in place, and what is to be.
final class Placement {
  let order: Installation.Order
  private let paths: [String]
  private let staging: Staging
  private let warn: @Sendable (String) -> Void
  /// The text that was in place of each file; nil: there was none.
  private let former: [String?]
  private var hasPlaced = false

  /// Looks at what is in place; changes nothing but what an overtaken installation left untested.
  ///
  /// Throws `overtaken` when that is a later generation, unless `mayLower`.
  init(
    _ order: Installation.Order, in router: NginxRouter, mayLower: Bool, mark: StagingMark? = nil,
    warn: @escaping @Sendable (String) -> Void
  ) throws(RouterError) {
    self.order = order
    self.warn = warn
    paths = order.files.all.map { router.renderer.path(order.service, $0.suffix) }
    do throws(FileError) {
      staging = try Staging(
        router.config.nginx.include, order.service, order.generation, mark: mark,
        reader: mark?.reader ?? MasterReader(router.config, order.service))
    } catch {
      throw Self.refused(error)
    }
    staging.takeOverLower(warn)
    do throws(FileError) {
      former = try Self.read(paths)
    } catch {
      staging.remove()
      throw RouterError(.refused, error.description)
    }
    if let found = Self.generation(former), found > order.generation, !mayLower {
      staging.remove()
      throw RouterError(.overtaken(found), "generation \(found) is in place")
    }
  }

  /// Whether what is to be in place was there already.
  var isInPlace: Bool { isSame(as: former) }

  /// Whether no other installation has taken this one over.
  var isMine: Bool { staging.isMine }

  /// A folder through which a file can only be moved as long as it is not overtaken.
  var folder: String { staging.path }

  /// A program that reads this file cannot be started once the installation is overtaken.
  var token: String { staging.token }

  /// Puts the files in place, unless they are.
  ///
  /// Throws `overtaken` when another installation got in between, with this generation where it is
  /// not a later one: then begin again.
  func place() throws(RouterError) {
    try stage(isSynced: true)
    try move(isSynced: true)
  }

  /// The first half of `place`; unless `isSynced`, the disk is to be waited for before the second.
  func stage(isSynced: Bool) throws(RouterError) {
    try moving { () throws(Staging.Failure) in
      try staging.stage(order.files, isSynced: isSynced)
    }
  }

  /// The second half of `place`.
  func move(isSynced: Bool) throws(RouterError) {
    if isInPlace { return }
    hasPlaced = true
    try moving { () throws(Staging.Failure) in
      try staging.place(order.files, isSynced: isSynced)
    }
    // An older installation may have moved a file in between; after this, none can any more.
    staging.takeOverAll()
    guard let now = try? Self.read(paths), isSame(as: now) else { throw overtaken }
  }

  private func moving(_ work: () throws(Staging.Failure) -> Void) throws(RouterError) {
    do throws(Staging.Failure) {
      try work()
    } catch {
      switch error {
      case .overtaken: throw overtaken
      case .file(let error): throw Self.refused(error)
      }
    }
  }

  /// Why another installation ends this one.
  var overtaken: RouterError {
    let found = (try? Self.read(paths)).flatMap(Self.generation) ?? order.generation
    return RouterError(
      .overtaken(max(found, order.generation)),
      found > order.generation
        ? "generation \(found) is in place"
        : "another process is installing generation \(found) of \(order.service)")
  }

  /// Whether what Nginx says names one of the files.
  func isNamed(in text: String) -> Bool { paths.contains { text.contains("\($0):") } }

  func noteTested() { staging.noteTested() }

  /// Puts back what was in place before; returns whether files were changed by that.
  @discardableResult
  func putBack() -> Bool {
    guard hasPlaced else { return false }
    hasPlaced = false
    return staging.putBack(warn)
  }

  /// Ends the placement; the files stay as they are.
  func end() { staging.remove() }

  /// Handles files that were changed by hand: refuses to replace them, or with `force` keeps a copy
  /// of each.
  func keepEdits(in state: String, force: Bool) throws(RouterError) {
    for (path, text) in zip(paths, former) {
      guard let text, !Seal.isWhole(text) else { continue }
      let ending = path.split(separator: ".").last ?? "conf"
      let copy = "\(state)/edited-\(order.service)-\(ending)-before-\(order.generation)"
      guard force else {
        throw RouterError(
          .refused,
          "\(path) was changed by hand since canary wrote it, and is not overwritten during a rollout",
          hint: "Move the change into the config or a template, then: canary apply \(order.service)"
        )
      }
      do throws(FileError) {
        try Files.replace(copy, with: text, mode: 0o640)
        warn("\(path) was changed by hand; the changed file is kept as \(copy)")
      } catch {
        warn("\(path) was changed by hand and is replaced; it could not be kept: \(error)")
      }
    }
  }

  private func isSame(as texts: [String?]) -> Bool {
    zip(order.files.all, texts).allSatisfy { $0.text == $1 }
  }

  private static func read(_ paths: [String]) throws(FileError) -> [String?] {
    var texts: [String?] = []
    for path in paths { texts.append(try Files.readOwn(path, isLinked: true)) }
    return texts
  }

  private static func generation(_ texts: [String?]) -> Generation? {
    texts.lazy.compactMap { $0.flatMap(GeneratedHeader.init) }.map(\.generation).max()
  }

  private static func refused(_ error: FileError) -> RouterError {
    RouterError(
      .refused, error.description,
      hint: "The folder of nginx.include must be writable, with room on its disk (df -h)")
  }
}
