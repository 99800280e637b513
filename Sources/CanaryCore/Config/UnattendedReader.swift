/// Reads what lets a service run unattended: hooks, release rules and approvals.
struct UnattendedReader {
  private let table: TableReader

  init(_ table: TableReader) { self.table = table }

  func readHooks() -> Hooks {
    var hooks = Hooks()
    let moments = table.table("hooks")
    moments.refuseUnknown(.hooks)
    for moment in Moment.allCases where moments.has(moment.rawValue) {
      hooks[moment] = moments.tables(moment.rawValue).compactMap { readHook($0, moment) }
    }
    return hooks
  }

  private func readHook(_ table: TableReader, _ moment: Moment) -> Hook? {
    table.refuseUnknown(.hook)
    guard let words = Self.words(table, "run") else { return nil }
    let timeout = table.span("timeout", atLeast: .seconds(0.1))
    let retained = table.text("at", "must be \"retain\": once the former pool is no longer kept") {
      $0 == "retain"
    }
    if retained != nil, moment != .afterPromote {
      table.fault("at", "has a meaning for after_promote only")
    }
    return Hook(words: words, timeout: timeout ?? .minutes(5), retained: retained != nil)
  }

  /// Reads a program and its arguments (argv, no shell); reports a missing key too.
  static func words(_ table: TableReader, _ key: String) -> [String]? {
    let rule = "must be a text without control characters"
    guard table.has(key) else {
      table.faultHere("must have \(key): a program and its arguments")
      return nil
    }
    let words = table.texts(key, rule) { word in !word.unicodeScalars.contains { $0.value < 32 } }
    guard let words else { return nil }
    guard let program = words.first, !program.isEmpty else {
      table.fault(
        key, "must name a program and its arguments, as in [\"docker\", \"compose\", \"up\"]")
      return nil
    }
    return words
  }

  func readReleases() -> ReleasePolicy {
    var policy = ReleasePolicy()
    let inner = table.table("releases")
    inner.refuseUnknown(.releases)
    let rule = "must be a pattern such as \"*-dev*\""
    policy.deny = inner.texts("deny", rule) { !$0.isEmpty && $0.utf8.count <= 200 } ?? []
    policy.allow = inner.texts("allow", rule) { !$0.isEmpty && $0.utf8.count <= 200 } ?? []
    policy.semver = inner.bool("semver") ?? false
    let words = table.texts("require", "must be \"reason\", \"release\" or \"meta.KEY\"") {
      ReleasePolicy.Required(parsing: $0) != nil
    }
    policy.required = (words ?? []).compactMap(ReleasePolicy.Required.init)
    return policy
  }

  /// Reads the approval that a stage needs; nil: none.
  static func readApproval(_ stage: TableReader) -> ApprovalRule? {
    guard stage.has("approval") else { return nil }
    let table = stage.table("approval")
    table.refuseUnknown(.approval)
    return table.has("each") ? readEach(table) : readCount(table)
  }

  private static func readCount(_ table: TableReader) -> ApprovalRule {
    ApprovalRule(
      by: approvers(table, "by"), count: table.int("count", in: 1...20) ?? 1,
      within: within(table), starter: table.bool("starter") ?? false)
  }

  private static func within(_ table: TableReader) -> Span {
    table.span("within", atLeast: .seconds(1)) ?? .hours(24)
  }

  /// Those of whom every one must approve.
  private static func readEach(_ table: TableReader) -> ApprovalRule {
    let each = approvers(table, "each")
    if table.has("by") || table.has("count") {
      table.fault("each", "says who approves, and how many: leave by and count out")
    }
    if each.isEmpty || each.count > 20 {
      table.fault("each", "must name 1 to 20 users or groups")
    }
    let users = each.map(\.description).filter { $0.hasPrefix("user:") }
    if Set(users).count < users.count {
      table.fault("each", "must name each user once: one person approves once")
    }
    return ApprovalRule(
      each: each, within: within(table), starter: table.bool("starter") ?? false)
  }

  private static func approvers(_ table: TableReader, _ key: String) -> [ApprovalRule.Approver] {
    let rule = "must be \"group:NAME\" or \"user:NAME\""
    var found: [ApprovalRule.Approver] = []
    for text in table.texts(key, rule, where: { ApprovalRule.Approver(parsing: $0) != nil }) ?? [] {
      if let approver = ApprovalRule.Approver(parsing: text) { found.append(approver) }
    }
    return found
  }
}
