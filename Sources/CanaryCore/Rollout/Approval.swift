/// The approvals that a stage needs before it may begin: which people, how many, in what time.
package struct ApprovalRule: Hashable, Sendable, Codable {
  /// A user or a group of the host.
  package enum Approver: Hashable, Sendable, Codable, CustomStringConvertible {
    case user(String)
    case group(String)

    /// Parses `user:li` or `group:sre`; nil for any other text.
    ///
    /// A name is printable ASCII without spaces and colons.
    package init?(parsing text: String) {
      let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[1].isEmpty,
        parts[1].utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != 58 })
      else { return nil }
      switch parts[0] {
      case "user": self = .user(String(parts[1]))
      case "group": self = .group(String(parts[1]))
      default: return nil
      }
    }

    package var description: String {
      switch self {
      case .user(let name): "user:\(name)"
      case .group(let name): "group:\(name)"
      }
    }
  }

  /// The users and groups that may approve; empty: every person that the system can identify, or
  /// `each`.
  package var by: [Approver]
  /// How many different people it takes; with `each`, as many as that names.
  package var count: Int
  /// Those of which every one must give an approval, each by another person; empty: `by` and `count`.
  @Sparse package var each: [Approver] = []
  /// How long the rollout waits for the approvals before it is reverted.
  package var within: Span
  /// Whether the person that started the rollout may approve it as well.
  package var starter: Bool

  package init(by: [Approver], count: Int = 1, within: Span = .hours(24), starter: Bool = false) {
    self.by = by
    self.count = count
    self.within = within
    self.starter = starter
  }

  package init(each: [Approver], within: Span = .hours(24), starter: Bool = false) {
    by = []
    count = each.count
    self.within = within
    self.starter = starter
    self.each = each
  }

  package var words: String {
    guard each.isEmpty else {
      return "an approval of each: \(Self.list(each)) within \(within)"
    }
    let who = by.isEmpty ? "" : " by \(by.map(\.description).joined(separator: " or "))"
    return "\(count) \(count == 1 ? "approval" : "approvals")\(who) within \(within)"
  }

  /// Why `person` may not approve; nil when the approval counts.
  ///
  /// `starter` started the rollout; `given` are the people that have approved this stage already.
  package func refusal(_ person: Person?, starter: Person?, given: [Person]) -> String? {
    guard let person else { return "nobody knows who you are" }
    if !self.starter, let starter, person.mayBe(starter) {
      return "who started a rollout may not approve it"
    }
    let all = by + each
    guard all.isEmpty || all.contains(where: { $0.fits(person) }) else {
      return
        "\(person.users.joined(separator: ", ")) may not approve this stage; \(Self.list(all)) may"
    }
    if given.contains(where: person.mayBe) {
      return person.uids.contains(0)
        ? "root has approved already, and counts as one whoever is behind sudo: approve without sudo"
        : "you have approved already; it takes \(count) different people"
    }
    if !each.isEmpty, missing(after: given + [person]).count == missing(after: given).count {
      return "the approvals that you may give are there; missing: \(missingWords(given))"
    }
    return nil
  }

  /// Those of `each` whose approval is still missing.
  ///
  /// Who fits several of them counts for the one that leaves the fewest missing (a maximum matching
  /// of people and names, by augmenting paths).
  package func missing(after given: [Person]) -> [Approver] {
    var holder = [Int?](repeating: nil, count: each.count)
    func place(_ person: Int, _ tried: inout Set<Int>) -> Bool {
      for slot in each.indices where each[slot].fits(given[person]) && !tried.contains(slot) {
        tried.insert(slot)
        if let other = holder[slot], !place(other, &tried) { continue }
        holder[slot] = person
        return true
      }
      return false
    }
    for person in given.indices {
      var tried: Set<Int> = []
      _ = place(person, &tried)
    }
    return each.indices.filter { holder[$0] == nil }.map { each[$0] }
  }

  /// What is still missing, for people.
  package func missingWords(_ given: [Person]) -> String {
    guard each.isEmpty else { return Self.list(missing(after: given)) }
    let left = count - given.count
    let who = by.isEmpty ? "" : " of \(Self.list(by))"
    return "\(left) more\(who)"
  }

  private static func list(_ approvers: [Approver]) -> String {
    approvers.map(\.description).joined(separator: ", ")
  }
}

extension ApprovalRule.Approver {
  func fits(_ person: Person) -> Bool {
    switch self {
    case .user(let name): person.users.contains(name)
    case .group(let name): person.groups.contains(name)
    }
  }
}

/// The request for approvals of one stage, with those given so far.
package struct PendingApproval: Hashable, Sendable, Codable {
  package var stage: Int
  package var since: Instant
  package var given: [Actor] = []

  package var people: [Person] { given.compactMap(\.person) }
}
