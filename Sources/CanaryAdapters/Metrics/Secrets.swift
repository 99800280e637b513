package import CanaryCore
internal import Glibc

/// Reads secrets from where they are kept, and redacts them in texts that are shown.
///
/// Each use reads again, so that a rotated secret is found.
package struct Secrets {
  private let environment: [String: String]
  private var read: [String] = []

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

  /// Redacts this text from now on.
  ///
  /// Not below 4 bytes: that would cut up ordinary words.
  mutating func hide(_ text: String) {
    if text.utf8.count >= 4 { read.append(text) }
  }

  /// The text with every secret read so far replaced by dots.
  package func redacted(_ text: String) -> String {
    read.reduce(text) { $0.replacing($1, with: "•••") }
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
