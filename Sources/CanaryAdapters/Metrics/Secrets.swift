package import CanaryCore
internal import Glibc

/// Reads secrets from where they are kept, and redacts them in texts that are shown.
///
/// Each use reads again, so that a rotated secret is found.
package struct Secrets: Sendable {
  private let environment: [String: String]
  private var redaction = Redaction()

  package init(environment: [String: String]) { self.environment = environment }

  /// The secret with its prefix; throws what is wrong with the place where it is kept.
  package mutating func value(_ secret: Secret) throws(SourceError) -> String {
    let text: String
    switch secret.place {
    case .plain(let plain): return secret.prefix + plain
    case .environment(let name):
      guard let found = environment[name], !found.isEmpty else {
        throw SourceError(description: "the environment variable \(name) is not set")
      }
      text = found
    case .file(let path): text = try Self.file(path)
    }
    guard !text.unicodeScalars.contains(where: { $0.value < 32 }) else {
      throw SourceError(description: "the secret of \(Self.place(secret)) is more than one line")
    }
    hide(text)
    return secret.prefix + text
  }

  /// The value of a header; one that stands in the config is a secret as well, unless headers of its
  /// name never are.
  package mutating func header(_ name: String, _ secret: Secret) throws(SourceError) -> String {
    let value = try value(secret)
    if case .plain = secret.place, !Self.open.contains(name.lowercased()) {
      redaction.hide(value, hidesBeginning: false)
      // `Bearer TOKEN`, `session=TOKEN; …`: an echo may have the token alone.
      for part in value.split(whereSeparator: { " =;,".contains($0) }) where part.utf8.count >= 8 {
        redaction.hide(String(part), hidesBeginning: false)
      }
    }
    return value
  }

  /// Headers that everybody may see.
  private static let open: Set<String> = [
    "accept", "accept-language", "cache-control", "content-type", "host", "user-agent",
  ]

  /// Redacts this text from now on.
  mutating func hide(_ text: String) { redaction.hide(text, hidesBeginning: true) }

  /// Redacts the values of these variables of the environment from now on.
  package mutating func hide(variables: [String]) {
    for name in variables { hide(environment[name] ?? "") }
  }

  /// Redacts what looks like a secret in the query of this URL from now on.
  package mutating func hide(url: String) {
    guard let mark = url.firstIndex(of: "?") else { return }
    // The path of a check may bring a second query.
    let pairs = url[mark...].split(whereSeparator: { "?&;#".contains($0) })
    for pair in pairs {
      let parts = pair.split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else { continue }
      let name = parts[0].lowercased()
      if Self.marks.contains(where: name.contains) { hide(String(parts[1])) }
    }
  }

  /// What the names of parameters have in them whose values are secrets.
  private static let marks = [
    "auth", "cred", "key", "pass", "pwd", "secret", "session", "sig", "token",
  ]

  /// Redacts the parts of a URL that works as a password from now on: an answer may repeat its path
  /// alone.
  package mutating func hide(secretURL url: String) {
    guard let scheme = url.firstRange(of: "://") else { return }
    for part in url[scheme.upperBound...].split(whereSeparator: { "/?&=#".contains($0) })
      .dropFirst() where part.utf8.count >= 8
    {
      hide(String(part))
    }
  }

  /// The text with every secret read so far replaced by dots.
  package func redacted(_ text: String) -> String { redaction.redacted(text) }

  /// The start of a text of others, on one line and without the secrets read so far.
  ///
  /// Secrets go before the text is cut, so that none is shown in part.
  package func excerpt(_ text: String, limit: Int = 160) -> String {
    let start = redaction.redacted(text, limit: limit * 16)
    return Text.sanitized(
      start.split(whereSeparator: \.isWhitespace).joined(separator: " "), limit: limit)
  }

  private static func place(_ secret: Secret) -> String {
    switch secret.place {
    case .plain: "the config"
    case .environment(let name): name
    case .file(let path): path
    }
  }

  private static func file(_ path: String) throws(SourceError) -> String {
    var facts = stat()
    guard stat(path, &facts) == 0 else {
      throw SourceError(
        description: "\(path) cannot be read: \(String(cString: strerror(errno)))")
    }
    let others = facts.st_mode & 0o077
    guard others == 0 else {
      let mode = String(facts.st_mode & 0o777, radix: 8)
      throw SourceError(
        description:
          "\(path) holds a secret and is open to others (mode \(mode)): chmod 600 \(path)")
    }
    var text: String
    do throws(FileError) {
      text = try Files.read(path, limit: 64 << 10) ?? ""
    } catch {
      throw SourceError(description: error.description)
    }
    while text.last?.isNewline == true { text.removeLast() }
    guard !text.isEmpty else { throw SourceError(description: "\(path) is empty") }
    return text
  }
}
