/// Who is behind a command, as far as the system knows: facts, not claims, but for what stands behind `sudo`.
package struct Person: Hashable, Sendable, Codable {
  /// The real user, and the one that `sudo` names (`SUDO_UID`).
  package var uids: [UInt32]
  /// The names of those users, and of the groups they are in.
  package var users: [String]
  package var groups: [String]

  package init(uids: [UInt32], users: [String], groups: [String]) {
    self.uids = uids
    self.users = users
    self.groups = groups
  }

  /// Whether they may be one and the same; root can be anybody, so it counts as one.
  package func mayBe(_ other: Person) -> Bool { !Set(uids).isDisjoint(with: other.uids) }
}

/// Who asked for something: the real user, and the one behind `sudo`.
package struct Actor: Hashable, Sendable, Codable, CustomStringConvertible {
  package let description: String
  /// From where: the terminal, and the host behind it.
  package var origin: String?
  package var person: Person?

  package init(_ name: String, origin: String? = nil, person: Person? = nil) {
    description = Text.sanitized(name, limit: 100)
    self.origin = origin.map { Text.sanitized($0, limit: 200) }
    self.person = person
  }

  private enum Key: String, CodingKey { case name, origin, person }

  package init(from decoder: any Decoder) throws {
    if let name = try? decoder.singleValueContainer().decode(String.self) {
      self.init(name)
      return
    }
    let table = try decoder.container(keyedBy: Key.self)
    self.init(
      try table.decode(String.self, forKey: .name),
      origin: try table.decodeIfPresent(String.self, forKey: .origin),
      person: try table.decodeIfPresent(Person.self, forKey: .person))
  }

  package func encode(to encoder: any Encoder) throws {
    if origin == nil, person == nil {
      var single = encoder.singleValueContainer()
      return try single.encode(description)
    }
    var table = encoder.container(keyedBy: Key.self)
    try table.encode(description, forKey: .name)
    try table.encodeIfPresent(origin, forKey: .origin)
    try table.encodeIfPresent(person, forKey: .person)
  }

  /// The program itself.
  package static let canary = Actor("canary")
}
