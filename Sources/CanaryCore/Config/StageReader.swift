/// Reads the stages of a plan.
struct StageReader {
  private let table: TableReader
  /// The plan's checks as the config writes them, so that a stage can override single keys.
  private let nodes: [Node]
  private let checks: [Check]
  private let demands: Bool

  init(_ table: TableReader, _ nodes: [Node], checks: [Check], demands: Bool) {
    self.table = table
    self.nodes = nodes
    self.checks = checks
    self.demands = demands
  }

  func read() -> [Stage] {
    guard table.has("stages") else {
      table.faultHere(
        "must have stages: [{ weight: 5, soak: \"30m\" }, … { weight: 100, soak: \"10m\" }]")
      return []
    }
    let readers = table.tables("stages")
    if table.list("stages")?.isEmpty == true {
      table.fault("stages", "must hold at least one stage")
    }
    var stages: [Stage] = []
    for (index, reader) in readers.enumerated() {
      guard let stage = readOne(reader) else { continue }
      if index == readers.count - 1 {
        if stage.weight != .all { reader.fault("weight", "must be 100 in the last stage") }
        if stage.only != nil { reader.fault("only", "must not stand in the last stage") }
      }
      if let previous = stages.last { refuseWrongOrder(reader, previous, stage) }
      stages.append(stage)
    }
    return stages
  }

  private func readOne(_ reader: TableReader) -> Stage? {
    reader.refuseUnknown(.stage)
    let preview = reader.bool("preview")
    let shadow = readShadow(reader)
    let weight = readWeight(reader, mayBeNone: preview == true || reader.has("shadow"))
    if !reader.has("soak") { reader.faultHere("must have a soak, such as soak: \"30m\"") }
    let soak = reader.span("soak")
    let deadline = reader.span("deadline")
    if let soak, let deadline, deadline < soak {
      reader.fault("deadline", "must not be shorter than the soak (\(soak))")
    }
    let onDeadline = reader.read("on_deadline", "must be \"revert\" or \"pause\"") {
      node -> OnDeadline? in
      if case .text(let text) = node { return OnDeadline(rawValue: text) }
      return nil
    }
    let only = reader.has("only") ? SelectorReader.read(reader, "only") : nil
    if only != nil, weight == Weight.none {
      reader.fault("only", "has no meaning at weight 0; let them in by the service's `preview`")
    }
    let nodes = shadow == nil ? self.nodes : self.nodes + shadowChecks(reader)
    let own =
      reader.has("checks") || shadow != nil ? overridden(reader.table("checks"), nodes) : nil
    // A wrong soak has been reported and is read as 0, so that the rules for weights are checked
    // too.
    guard let weight else { return nil }
    var stage = Stage(
      weight: weight, soak: soak ?? .zero, deadline: deadline, onDeadline: onDeadline ?? .revert)
    stage.preview = preview
    stage.only = only
    stage.shadow = shadow
    stage.limit = reader.rate("limit")
    stage.approval = UnattendedReader.readApproval(reader)
    stage.checks = measurableChecks(stage, own)
    return stage
  }

  /// Reports a stage that takes the canary away from clients of the stage before it.
  ///
  /// Growth only adds clients: weights rise, and `only` lets in at least all that the stage before
  /// let in.
  private func refuseWrongOrder(_ reader: TableReader, _ previous: Stage, _ stage: Stage) {
    if let only = stage.only, previous.weight > .none {
      if previous.only == nil {
        reader.fault("only", "must not follow a stage for everybody: who is in stays in")
      } else if let before = previous.only, !only.covers(before) {
        reader.fault("only", "must hold all that the stage before lets in: who is in stays in")
      }
    }
    let isWider = previous.only != nil && previous.only != stage.only
    let mayBeEqual = stage.weight == .none || isWider
    if stage.weight < previous.weight || (stage.weight == previous.weight && !mayBeEqual) {
      reader.fault("weight", "must be above the stage before it (\(previous.weight))")
    }
  }

  private func readWeight(_ reader: TableReader, mayBeNone: Bool) -> Weight? {
    if !reader.has("weight") {
      if mayBeNone { return Weight.none }
      reader.faultHere("must have a weight")
    }
    let rule =
      mayBeNone
      ? "must be a percentage from 0 to 100, with two decimals at most"
      : "must be a percentage above 0 and at most 100, with two decimals at most; 0 needs preview: true or shadow"
    return reader.read("weight", rule) { node in
      guard case .number(let percent) = node, let weight = Weight(percent: percent),
        mayBeNone || weight > .none
      else { return nil }
      return weight
    }
  }

  // MARK: shadow

  private func readShadow(_ reader: TableReader) -> Shadow? {
    guard reader.has("shadow") else { return nil }
    let rule = "must be a percentage above 0 and at most 100, with two decimals at most"
    let share = { (node: Node) -> Weight? in
      guard case .number(let percent) = node, let weight = Weight(percent: percent), weight > .none
      else { return nil }
      return weight
    }
    guard case .table? = reader.node("shadow") else {
      return reader.read(
        "shadow", rule + ", or { share: 10, paths: [\"/api\"], methods: [\"GET\"] }", share
      )
      .map { Shadow(share: $0) }
    }
    let inner = reader.table("shadow")
    inner.refuseUnknown(.shadow)
    if !inner.has("share") { inner.faultHere("must have a share, such as share: 10") }
    let methods = inner.texts(
      "methods", "must be the name of a method, in capitals", where: Shadow.isMethod)
    let paths = inner.texts("paths", "must be a route of the service, such as \"/api\"") {
      !$0.isEmpty
    }
    guard let weight = inner.read("share", rule, share) else { return nil }
    let shadow = Shadow(share: weight, methods: methods ?? Shadow.usualMethods, paths: paths)
    if shadow.methods.isEmpty { inner.fault("methods", "must hold at least one method") }
    if shadow.copiesBodies, paths == nil {
      inner.faultHere(
        "must have paths: to copy requests with a body, Nginx reads all of it before it passes anything on, so say which routes may"
      )
    }
    return shadow
  }

  /// Returns a `shadow_NAME` check for each metric with a bound, so that copies must meet the
  /// bounds that users' requests do.
  ///
  /// A metric that the plan already checks on copies gets none.
  private func shadowChecks(_ reader: TableReader) -> [Node] {
    let named = nodes.compactMap { node -> String? in
      if case .table(let table) = node, case .text(let metric)? = table["metric"] { return metric }
      return nil
    }
    return nodes.compactMap { node -> Node? in
      guard case .table(var table) = node, case .text(let name)? = table["name"],
        case .text(let text)? = table["metric"], let metric = Metric(rawValue: text),
        Metric.ofCopies.contains(metric),
        table["max"] != nil || table["min"] != nil, !named.contains(metric.shadowName)
      else { return nil }
      let twin = "shadow_\(name)"
      if CheckName(twin) == nil || checks.contains(where: { $0.name.text == twin }) {
        reader.fault(
          "shadow",
          "needs the name '\(Text.sanitized(twin, limit: 80))' for a check, which is too long or taken"
        )
        return nil
      }
      for key in ["versus", "worse_by", "evidence", "warmup_requests"] { table[key] = nil }
      table["name"] = .text(twin)
      table["metric"] = .text(metric.shadowName)
      return .table(table)
    }
  }

  /// Returns the checks that can be measured in this stage; nil: the plan's, unchanged.
  private func measurableChecks(_ stage: Stage, _ own: [Check]?) -> [Check]? {
    let all = own ?? checks
    let measurableChecks = all.compactMap { check -> Check? in
      var check = check
      if check.source.isShadow { return stage.shadow == nil ? nil : check }
      guard check.source.isFromLog, stage.weight == .none else { return check }
      // At weight 0 no requests are drawn, so there is nothing to compare; without testers there is
      // nothing to measure.
      check.condition.versus = nil
      guard stage.preview == true, check.condition.hasBound else { return nil }
      // A few testers send few requests, so the window is the whole stage, up to the hour of log
      // that canary keeps.
      check.window = max(check.window, min(stage.deadline, .hours(1)))
      return check
    }
    return own == nil && measurableChecks == checks ? nil : measurableChecks
  }

  // MARK: overrides of checks

  /// Returns the plan's checks with the stage's overrides: by check name, a table of keys, or
  /// `false` to leave it out.
  private func overridden(_ reader: TableReader, _ nodes: [Node]) -> [Check] {
    let names = nodes.compactMap { node -> String? in
      guard case .table(let table) = node, case .text(let name)? = table["name"] else { return nil }
      return name
    }
    for key in reader.keys where !names.contains(key) {
      let near =
        Spelling.nearest(to: key, among: names).map {
          "; did you mean '\(Text.sanitized($0, limit: 63))'?"
        } ?? ""
      reader.fault(
        key,
        "must be the name of a check of the plan (\(Text.sanitized(names.joined(separator: ", "), limit: 200)))\(near)"
      )
    }
    return nodes.compactMap { node in
      guard case .table(var merged) = node, case .text(let name)? = merged["name"] else {
        return nil
      }
      switch reader.node(name) {
      case nil: return read(merged, at: "", FaultList())
      case .bool(false)?: return nil
      case .table(let changes)?:
        if changes["name"] != nil { reader.fault(name, "cannot change the name of a check") }
        merged.merge(changes) { $1 }
        return reader.readInner(name, .table(merged)) {
          CheckReader($0, demandsEvidence: demands).read()
        }
      case .some:
        reader.fault(name, "must be a table of keys, or false to leave the check out")
        return nil
      }
    }
  }

  private func read(_ table: [String: Node], at path: String, _ faults: FaultList)
    -> Check?
  {
    CheckReader(
      TableReader(.table(table), at: path, faults: faults), demandsEvidence: demands
    ).read()
  }
}
