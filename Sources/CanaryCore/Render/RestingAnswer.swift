/// What a worker answers for a service at rest, such as `chat 42 0 blue`: whose text of which
/// generation it runs, that it looks for no set, and the pool that this text leads to.
///
/// The service's main file says it in its second line, and the file that services at rest share says
/// it once more, where Nginx can look it up.
package struct RestingAnswer: Hashable, Sendable {
  package let service: ServiceName
  package let text: String

  package init(_ service: ServiceName, _ generation: Generation, base: PoolName) {
    self.service = service
    text = "\(service) \(generation) 0 \(base)"
  }

  /// Nil for a text that is not the answer of a service.
  private init?(_ text: Substring) {
    let words = text.split(separator: " ")
    guard words.count == 4, words[2] == "0", let service = ServiceName(String(words[0])),
      let number = Int(words[1]), let base = PoolName(String(words[3]))
    else { return nil }
    self.init(service, Generation(number), base: base)
  }

  private static let mark = "# canary probe "

  /// Reads it from the service's main file; nil where the service has a server that answers.
  package init?(main text: String, of service: ServiceName) {
    let lines = text.split(separator: "\n", maxSplits: 2)
    guard lines.count > 1, lines[1].hasPrefix(Self.mark),
      let found = Self(lines[1].dropFirst(Self.mark.count)), found.service == service
    else { return nil }
    self = found
  }

  /// Its line in the file that services at rest share.
  var line: String { "\"\(text)\" \(service.probeHost);" }

  /// Reads all of them from that file.
  package static func all(in common: String) -> [ServiceName: RestingAnswer] {
    var found: [ServiceName: RestingAnswer] = [:]
    for line in common.split(separator: "\n") {
      let parts = line.utf8.split(separator: 34, omittingEmptySubsequences: false)
      guard parts.count == 3, let answer = Self(Substring(parts[1])) else { continue }
      found[answer.service] = answer
    }
    return found
  }
}
