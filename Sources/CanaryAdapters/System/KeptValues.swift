internal import FoundationEssentials

/// A file with values by their names.
package enum KeptValues {
  /// Nil: there is no such file, or it cannot be read.
  package static func read(_ path: String) -> [String: String]? {
    Files.ownContents(path).flatMap {
      try? JSONDecoder().decode([String: String].self, from: Data($0.utf8))
    }
  }

  /// Replaces the file; a failure only means that the values are met as new once more.
  package static func write(_ values: [String: String], to path: String) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    guard let bytes = try? encoder.encode(values) else { return }
    try? Files.replace(
      path, with: String(decoding: bytes, as: UTF8.self) + "\n", mode: 0o640, isSynced: false)
  }
}
