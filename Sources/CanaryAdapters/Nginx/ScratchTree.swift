internal import Glibc

/// A copy of your tree in which every include of canary's folder leads into a scratch folder.
///
/// Only the main file and the files whose includes lead there are copied, byte for byte but for
/// those includes. Everything else is reached by links, so that relative paths keep their meaning,
/// which Nginx takes from the folder of the main file.
struct ScratchTree {
  /// Where the generated files to be tried are put.
  let include: String
  /// The copy of the main file.
  let main: String
  private let tree: NginxTree
  private let folder: String
  private var parsed: [String: Parsed] = [:]
  private var copies: [String: String] = [:]
  /// The generated files that some include reads, by name and by pattern.
  private var read: Set<String> = []
  private var patterns: Set<String> = []

  private struct Parsed {
    let text: String
    var includes: [(range: Range<Int>, entries: [NginxTree.Entry])] = []
    /// Nil while that is being found out: a file that includes itself leads nowhere.
    var leadsToUs: Bool?
  }

  /// Copies into a folder that exists and is empty; nil when the main file cannot be read here.
  init?(_ tree: NginxTree, into folder: String) throws(FileError) {
    guard Files.isReadable(tree.main) else { return nil }
    self.tree = tree
    self.folder = folder
    include = "\(folder)/include"
    main = "\(folder)/tree\(tree.main)"
    _ = try leadsToUs(tree.main, depth: 0)
    guard parsed[tree.main] != nil else { return nil }
    copies[tree.main] = main
    for (path, file) in parsed where file.leadsToUs == true && path != tree.main {
      copies[path] = "\(folder)/files/\(copies.count).copy"
    }
    try Files.makeFolder(include)
    try Files.makeFolder("\(folder)/files")
    try mirror()
    for (path, copy) in copies {
      guard let file = parsed[path] else { continue }
      try Files.replace(copy, with: rewritten(file), isSynced: false)
    }
  }

  /// Whether some include reads a generated file of this name.
  func reads(_ name: String) -> Bool {
    read.contains(name) || patterns.contains { NginxMainFile.fits(name, $0) }
  }

  /// What Nginx says of the copy, with the places of the original.
  func original(_ text: String) -> String {
    var text = text.replacing(main, with: tree.main)
    for (path, copy) in copies where copy != main && text.contains(copy) {
      text = text.replacing(copy, with: path)
    }
    return text.replacing("\(folder)/tree/", with: "/").replacing(include, with: tree.include)
  }

  // MARK: which files lead to us

  /// The deepest include; a walk of the tree goes no deeper.
  private static let deepest = 16
  private static let mostFiles = 100_000

  private mutating func leadsToUs(_ path: String, depth: Int) throws(FileError) -> Bool {
    if let known = parsed[path] { return known.leadsToUs ?? false }
    guard depth <= Self.deepest, parsed.count < Self.mostFiles,
      let text = try? Files.read(path)
    else { return false }
    parsed[path] = Parsed(text: text)
    var file = Parsed(text: text)
    var leads = false
    for (range, word) in Self.includes(in: text) {
      let entries = tree.expand(word)
      file.includes.append((range, entries))
      for entry in entries {
        switch entry {
        case .generated(let name):
          if NginxTree.isPattern(name) { patterns.insert(name) } else { read.insert(name) }
          leads = true
        case .file(let path): if try leadsToUs(path, depth: depth + 1) { leads = true }
        }
      }
    }
    file.leadsToUs = leads
    parsed[path] = file
    return leads
  }

  /// Every include of a text: its bytes, and its pattern.
  static func includes(in text: String) -> [(range: Range<Int>, word: String)] {
    var found: [(range: Range<Int>, word: String)] = []
    var words: [String] = []
    var start = 0
    var tokens = NginxTokens(text)
    while let token = tokens.next() {
      switch token {
      case .word(let word):
        if words.isEmpty { start = tokens.range.lowerBound }
        if words.count < 3 { words.append(word) }
      case .end:
        if words.count == 2, words[0] == "include" {
          found.append((start..<tokens.range.upperBound, words[1]))
        }
        words = []
      case .open, .close: words = []
      }
    }
    return found
  }

  // MARK: the copies

  private func rewritten(_ file: Parsed) -> String {
    let bytes = Array(file.text.utf8)
    var out: [UInt8] = []
    var at = 0
    for (range, entries) in file.includes {
      let isCopied = entries.contains { entry in
        switch entry {
        case .generated: true
        case .file(let path): copies[path] != nil
        }
      }
      guard isCopied else { continue }
      out += bytes[at..<range.lowerBound]
      let lines = entries.map { entry in
        switch entry {
        case .generated(let name): line("\(include)/\(name)")
        case .file(let path): line(copies[path] ?? path)
        }
      }
      out += Array(lines.joined(separator: " ").utf8)
      // The lines after it keep their numbers.
      out += bytes[range].filter { $0 == 10 }
      at = range.upperBound
    }
    return String(decoding: out + bytes[at...], as: UTF8.self)
  }

  private func line(_ path: String) -> String {
    "include \"\(path.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\";"
  }

  /// Links beside the main file, so that `ssl/a.pem` leads where it leads from the original; and
  /// beside each folder on the way there, if some file may say `../b`.
  private func mirror() throws(FileError) {
    let mayLeave = parsed.values.contains { $0.text.contains("..") }
    let parts = tree.root.split(separator: "/").map(String.init)
    var original = ""
    for index in 0...parts.count {
      let copy = "\(folder)/tree\(original)"
      try Files.makeFolder(copy)
      let next = index < parts.count ? parts[index] : Files.name(of: tree.main)
      let names =
        mayLeave || index == parts.count ? Files.names(in: original.isEmpty ? "/" : original) : []
      for name in names where name != next {
        guard symlink("\(original)/\(name)", "\(copy)/\(name)") == 0 else {
          throw FileError("cannot link", "\(copy)/\(name)")
        }
      }
      if index < parts.count { original += "/\(next)" }
    }
  }
}
