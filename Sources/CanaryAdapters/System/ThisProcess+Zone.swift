package import CanaryCore
internal import Glibc

extension ThisProcess {
  /// The zone of who reads what this process prints: `TZ` if it can be read, otherwise the host's.
  package static let zone: Zone = zone(environment["TZ"])

  /// The zone that this text of `TZ` names, as the C library reads it; nil or empty: the host's.
  static func zone(_ text: String?) -> Zone {
    guard let text, !text.isEmpty else { return host }
    let name = text.hasPrefix(":") ? String(text.dropFirst()) : text
    let known = inDatabase(name) ?? name
    return ZoneFiles.zone(known) ?? Zone(posix: name) ?? .utc
  }

  private static var host: Zone {
    guard let zone = ZoneFiles.zone("local") else { return .utc }
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    guard realpath("/etc/localtime", &buffer) != nil else { return zone }
    let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    let name = inDatabase(String(decoding: bytes, as: UTF8.self)) ?? "local time"
    return ["Etc/UTC", "UCT", "Etc/UCT", "Zulu"].contains(name) ? .utc : zone.named(name)
  }

  /// The zone's name in the path of its file; nil: the file is elsewhere.
  private static func inDatabase(_ path: String) -> String? {
    guard path.hasPrefix("/"), let range = path.firstRange(of: "/zoneinfo/") else { return nil }
    return String(path[range.upperBound...])
  }
}
