internal import Glibc

/// Where the includes of your tree of Nginx files lead: to files of yours, or into canary's folder.
struct NginxTree {
  let main: String
  /// The folder of generated files.
  let include: String
  /// Where Nginx looks for relative paths of includes: the folder of the main file.
  let root: String
  private let real: String

  /// What one include reads.
  enum Entry: Hashable {
    case file(String)
    /// Files of the generated folder, by a pattern of their names.
    case generated(String)
  }

  init(main: String, include: String) {
    self.main = main
    self.include = include
    root = Files.folder(of: main)
    real = Self.real(include)
  }

  /// What an include of this pattern reads, in Nginx's order.
  func expand(_ word: String) -> [Entry] {
    let pattern = Files.absolute(word, in: root)
    let (folder, name) = (Files.folder(of: pattern), Files.name(of: pattern))
    if !Self.isPattern(folder), isGenerated(folder) { return [.generated(name)] }
    if !Self.isPattern(pattern) { return [entry(pattern)] }
    var found: [(path: String, entry: Entry)] = []
    for path in NginxMainFile.files(matching: pattern) {
      if Self.isPattern(folder), isGenerated(Files.folder(of: path)) { continue }
      found.append((path, entry(path)))
    }
    if Self.isPattern(folder), NginxMainFile.fits(include, folder) {
      found.append(("\(include)/", .generated(name)))
    }
    return found.sorted { $0.path < $1.path }.map(\.entry)
  }

  /// The files of yours that an include reads.
  func files(_ word: String) -> [String] {
    expand(word).compactMap { if case .file(let path) = $0 { path } else { nil } }
  }

  /// Every statement of your files; nil when the main file cannot be read here.
  func statements() -> [NginxStatement]? {
    guard Files.isReadable(main) else { return nil }
    var all: [NginxStatement] = []
    NginxWalk(folder: root, text: { try? Files.read($0) }, files: files).read(main) {
      all.append($0)
    }
    return all
  }

  static func isPattern(_ path: String) -> Bool { path.contains { "*?[".contains($0) } }

  private func entry(_ path: String) -> Entry {
    let target = Self.real(path)
    return isGenerated(Files.folder(of: target)) ? .generated(Files.name(of: target)) : .file(path)
  }

  private func isGenerated(_ folder: String) -> Bool {
    folder == include || Self.real(folder) == real
  }

  /// The path without links; of one that does not exist, the same without `.` and `..`.
  private static func real(_ path: String) -> String {
    if let found = realpath(path, nil) {
      defer { free(found) }
      return String(cString: found)
    }
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }
}
