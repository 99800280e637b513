package import CanaryCore
internal import FoundationEssentials

/// The time zone database of this host.
package enum ZoneFiles {
  /// Its folder: `TZDIR` if set, as in the C library.
  package static var folder: String {
    ThisProcess.environment["TZDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/usr/share/zoneinfo"
  }

  /// The zone with that name, such as `Asia/Shanghai`; nil when unknown.
  ///
  /// `local` is the host's own zone.
  package static func zone(_ name: String) -> Zone? {
    if name == "UTC" { return .utc }
    let path = name == "local" ? "/etc/localtime" : "\(folder)/\(name)"
    let isPlain = name.utf8.allSatisfy {
      (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
        || [43, 45, 47, 95].contains($0)
    }
    guard isPlain, !name.isEmpty, name.utf8.count <= 64, !name.hasPrefix("/"),
      let data = try? Data(contentsOf: URL(filePath: path))
    else { return nil }
    return Zone(name: name, file: [UInt8](data.prefix(1 << 20)))
  }

  /// The name of every zone in the database, sorted.
  package static var names: [String] {
    let all = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
    let found =
      ["UTC"]
      + all.filter {
        !$0.hasPrefix("posix/") && !$0.hasPrefix("right/") && !$0.contains(".") && zone($0) != nil
      }
    return Array(Set(found)).sorted()
  }
}
