internal import CSystem
package import CanaryCore
internal import Glibc

/// Reads and writes whole files, by system calls.
package enum Files {
  /// The file as text; nil when it does not exist.
  ///
  /// Throws when it is longer than `limit` bytes, or no regular file: a FIFO would be waited for,
  /// which only `isPipeRead` allows.
  package static func read(
    _ path: String, limit: Int = 16 << 20, isPipeRead: Bool = false
  ) throws(FileError) -> String? {
    let file: CInt
    do throws(FileError) {
      file = try open(path, isPipeRead: isPipeRead)
    } catch {
      if error.code == ENOENT || error.code == ENOTDIR { return nil }
      throw error
    }
    defer { close(file) }
    return try text(file, path, limit: limit)
  }

  /// All that can be read of an open file.
  static func text(_ file: CInt, _ path: String, limit: Int) throws(FileError) -> String {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while bytes.count <= limit {
      let count = Glibc.read(file, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw FileError("cannot read", path) }
      if count == 0 { break }
      bytes += chunk[..<count]
    }
    guard bytes.count <= limit else { throw FileError("cannot read", path, code: EFBIG) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Opens a regular file for reading, or also anything else.
  private static func open(_ path: String, isPipeRead: Bool) throws(FileError) -> CInt {
    // Without O_NONBLOCK, the open of a FIFO waits for its writer.
    let file = canary_open(path, O_RDONLY | O_NOCTTY | (isPipeRead ? 0 : O_NONBLOCK), 0)
    guard file >= 0 else { throw FileError("cannot read", path) }
    if isPipeRead { return file }
    var facts = stat()
    guard fstat(file, &facts) == 0 else {
      let error = FileError("cannot read", path)
      close(file)
      throw error
    }
    guard facts.st_mode & S_IFMT == S_IFREG else {
      close(file)
      throw FileError(notRegular: path, isFolder: facts.st_mode & S_IFMT == S_IFDIR)
    }
    return file
  }

  /// The file as text; nil when it does not exist or cannot be read.
  package static func contents(_ path: String, limit: Int = 16 << 20) -> String? {
    (try? read(path, limit: limit)) ?? nil
  }

  /// Calls `take` with each piece of the file, and its length, in order.
  package static func readChunks(
    _ path: String, _ take: (UnsafePointer<UInt8>, Int) -> Void
  ) throws(FileError) {
    let file = try open(path, isPipeRead: false)
    defer { close(file) }
    var chunk = [UInt8](repeating: 0, count: 256 << 10)
    while true {
      let count = Glibc.read(file, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw FileError("cannot read", path) }
      if count == 0 { return }
      take(chunk, count)
    }
  }

  /// Replaces a file atomically: after a crash it has either the old or the new bytes.
  ///
  /// Writes beside it, syncs, renames, and syncs the folder. `isSynced` is false for files that are
  /// written again after a crash anyway.
  package static func replace(
    _ path: String, with text: String, mode: UInt32 = 0o644, isSynced: Bool = true
  ) throws(FileError) {
    // The name starts with a dot and does not end in .conf, so that no include of Nginx matches it.
    let folder = folder(of: path)
    let name = path.dropFirst(folder.utf8.count + 1)
    let beside = "\(folder)/.\(name).\(getpid()).new"
    unlink(beside)
    let file = canary_open(beside, O_WRONLY | O_CREAT | O_EXCL, mode)
    guard file >= 0 else { throw FileError("cannot write in", folder) }
    do throws(FileError) {
      defer { close(file) }
      giveToOwner(file, of: path)
      try writeAll(file, Array(text.utf8), path: beside)
      guard fchmod(file, mode) == 0, !isSynced || fsync(file) == 0 else {
        throw FileError("cannot write", beside)
      }
    } catch {
      unlink(beside)
      throw error
    }
    guard rename(beside, path) == 0 else {
      let error = FileError("cannot replace", path)
      unlink(beside)
      throw error
    }
    if isSynced { try sync(folder: folder) }
  }

  /// Adds a hard link to a file; throws when the path exists.
  package static func link(_ file: String, as path: String) throws(FileError) {
    if Glibc.link(file, path) != 0 { throw FileError("cannot write", path) }
  }

  /// The names in a folder, in no order; empty when it does not exist or cannot be read.
  ///
  /// Without Foundation, whose listing costs ten times as much: this is called several times a
  /// second.
  package static func names(in folder: String) -> [String] {
    guard let open = opendir(folder) else { return [] }
    defer { closedir(open) }
    var names: [String] = []
    while let entry = readdir(open) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// Removes a file; one that does not exist is fine.
  package static func remove(_ path: String) throws(FileError) {
    if unlink(path) != 0, errno != ENOENT { throw FileError("cannot remove", path) }
  }

  /// What changes when a file is written or replaced.
  package struct Signature: Hashable, Sendable {
    let inode: UInt64
    let size: Int64
    let seconds: Int
    let nanoseconds: Int

    /// When it was last written, to the millisecond.
    package var time: Instant {
      Instant(milliseconds: Int64(seconds) * 1000 + Int64(nanoseconds / 1_000_000))
    }
  }

  /// The file's signature; nil when it does not exist.
  package static func signature(of path: String) -> Signature? {
    var facts = stat()
    guard stat(path, &facts) == 0 else { return nil }
    return Signature(
      inode: UInt64(facts.st_ino), size: Int64(facts.st_size), seconds: facts.st_mtim.tv_sec,
      nanoseconds: facts.st_mtim.tv_nsec)
  }

  /// Which file it is, whatever its name.
  package struct Identity: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64
  }

  /// The file's identity; nil when it does not exist.
  package static func identity(of path: String) -> Identity? {
    var facts = stat()
    guard stat(path, &facts) == 0 else { return nil }
    return Identity(device: UInt64(facts.st_dev), inode: UInt64(facts.st_ino))
  }

  static func absolute(_ path: String, in folder: String) -> String {
    path.hasPrefix("/") ? path : "\(folder)/\(path)"
  }

  package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Makes a folder and its parents; does nothing if it exists.
  package static func makeFolder(_ path: String, mode: UInt32 = 0o755) throws(FileError) {
    if mkdir(path, mode) != 0 {
      if errno == EEXIST { return }
      guard errno == ENOENT, path.utf8.count > 1 else {
        throw FileError("cannot make the folder", path)
      }
      try makeFolder(folder(of: path), mode: mode)
      guard mkdir(path, mode) == 0 || errno == EEXIST else {
        throw FileError("cannot make the folder", path)
      }
    }
    // A strict umask must not keep Nginx's workers from seeing the brake in a folder of ours.
    chmod(path, mode)
  }

  /// Whether a file is there that this user may not write.
  package static func isClosed(_ path: String) -> Bool { exists(path) && access(path, W_OK) != 0 }

  package static func isReadable(_ path: String) -> Bool { access(path, R_OK) == 0 }

  package static func isFolder(_ path: String) -> Bool { kind(path) == S_IFDIR }

  /// Whether it is a device, such as a terminal, a disk or /dev/zero.
  package static func isDevice(_ path: String) -> Bool {
    kind(path) == S_IFCHR || kind(path) == S_IFBLK
  }

  private static func kind(_ path: String) -> mode_t? {
    var facts = stat()
    return stat(path, &facts) == 0 ? facts.st_mode & S_IFMT : nil
  }

  /// Why you cannot write to a folder, or make it; nil when you can.
  package static func unwritable(_ folder: String) -> String? {
    var path = folder
    while !exists(path), path != "/" { path = self.folder(of: path) }
    if !isFolder(path) { return "\(path) is not a folder" }
    return access(path, W_OK | X_OK) == 0 ? nil : FileError("cannot write in", path).description
  }

  /// The first folder on the way to a path that other users may not enter; nil when all are open.
  package static func closedFolder(_ path: String) -> String? {
    var steps = ""
    for step in path.split(separator: "/") {
      steps += "/\(step)"
      var facts = stat()
      guard stat(steps, &facts) == 0 else { return nil }
      if facts.st_mode & S_IXOTH == 0 { return steps }
    }
    return nil
  }

  /// The path with the links of its folder followed, but not one at its end.
  static func withRealFolder(_ path: String) -> String {
    guard let real = realpath(folder(of: path), nil) else { return path }
    defer { free(real) }
    return "\(String(cString: real))/\(name(of: path))"
  }

  /// The path without its last part.
  package static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
  }

  /// The last part of a path.
  package static func name(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }

  /// The size of a file in bytes; nil when it is not there.
  package static func size(of path: String) -> Int? {
    var facts = stat()
    return stat(path, &facts) == 0 ? Int(facts.st_size) : nil
  }

  static func writeAll(_ file: CInt, _ bytes: [UInt8], path: String) throws(FileError) {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        write(file, $0.baseAddress.map { $0 + done }, bytes.count - done)
      }
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw FileError("cannot write", path) }
      done += count
    }
  }

  private static func sync(folder: String) throws(FileError) {
    let file = canary_open(folder, O_RDONLY | O_DIRECTORY, 0)
    guard file >= 0 else { throw FileError("cannot open", folder) }
    defer { close(file) }
    // Some file systems cannot sync a folder (EINVAL); the rename itself has happened.
    if fsync(file) != 0, errno != EINVAL { throw FileError("cannot sync", folder) }
  }
}
