/// The person behind a command, as far as the system knows.
///
/// All of it is fact rather than claim, except for the user that `sudo` names. A claim only adds to
/// whom one may be, so it takes approvals away and gives none.
package struct Person: Hashable, Sendable, Codable {
  /// The real user, the one that the system let in (the kernel's loginuid), and the one that `sudo`
  /// names (`SUDO_UID`): to use another account does not make another person.
  package var uids: [UInt32]
  /// The names of those users.
  package var users: [String]
  /// The names of the groups that those users are in.
  package var groups: [String]

  package init(uids: [UInt32], users: [String], groups: [String]) {
    self.uids = uids
    self.users = users
    self.groups = groups
  }

  /// Whether both may be one and the same person.
  ///
  /// Root can be any person, so all that act as root count as one.
  package func mayBe(_ other: Person) -> Bool { !Set(uids).isDisjoint(with: other.uids) }
}

/// The source of a request: a person, with the user behind `sudo`, or canary itself.
package struct Actor: Hashable, Sendable, Codable, CustomStringConvertible {
  package let description: String
  /// Where the command came from: the terminal, and the host behind it.
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

  /// Canary itself.
  package static let canary = Actor("canary")
}
