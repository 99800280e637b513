internal import CanaryAdapters
package import CanaryCore
internal import CanaryDriver

/// Explains each verdict of a rollout: judges the kept measurements again, by the same rules.
package struct Explanation {
  private let rollout: Rollout
  private let records: [CheckRecord]

  package init(_ rollout: Rollout, _ records: [CheckRecord]) {
    self.rollout = rollout
    self.records = records
  }

  /// The telling measurements of each check by stage, for people; ‼ marks a verdict that differs
  /// from the saved one.
  package var text: String {
    var lines: [String] = []
    if records.isEmpty { lines.append("  nothing was measured, or it is too long ago") }
    for record in records {
      guard let check = rollout.check(record) else { continue }
      let weight = rollout.plan.stages[record.stage].weight
      lines.append(
        "  stage \(record.stage + 1) (\(weight)%) · \(check.name): \(CheckWords.text(check))")
      lines += record.rows.filter { isTurningPoint($0, record) }.map { row in
        let again = Judge.fold(row.grounds, check, row.measurement)
        let mark = again.verdict == row.verdict ? "" : "  ‼ was \(row.verdict.rawValue) then"
        return
          "    \(row.measurement.at.clockTime)  #\(row.number)  \(again.verdict.rawValue.padded(to: 14))\(Text.sanitized(again.detail, limit: 400))\(mark)"
      }
      if let end = record.end { lines += [Self.totals(end)] }
    }
    return lines.joined(separator: "\n")
  }

  /// Every kept measurement, with the verdict that was saved and the one judged again.
  package var json: JSON {
    .list(
      records.compactMap { record in
        guard let check = rollout.check(record) else { return nil }
        return .table([
          ("stage", .int(record.stage)), ("check", .text(record.name.text)),
          ("rule", .text(CheckWords.text(check))),
          ("measurements", .list(record.rows.map { json($0, check) })),
          ("totals", record.end.map(Self.json) ?? .null),
        ])
      })
  }

  /// Whether people want to see it: the first, the last, and each that changed the verdict.
  private func isTurningPoint(_ row: CheckRecord.Row, _ record: CheckRecord) -> Bool {
    row.grounds.verdict != row.verdict || row.number == record.rows.first?.number
      || row.number == record.rows.last?.number
  }

  private func json(_ row: CheckRecord.Row, _ check: Check) -> JSON {
    let again = Judge.fold(row.grounds, check, row.measurement)
    return .table(
      [
        ("number", .int(row.number)), ("time", .text(row.measurement.at.iso8601)),
        ("verdict", .text(row.verdict.rawValue)), ("replayed", .text(again.verdict.rawValue)),
        ("value", again.value.map(JSON.number) ?? .null),
        ("max", check.condition.max.map(JSON.number) ?? .null),
        ("min", check.condition.min.map(JSON.number) ?? .null),
        ("detail", .text(again.detail)),
      ] + Self.counts(row.measurement.reading))
  }

  private static func counts(_ reading: Measurement.Reading) -> [(String, JSON)] {
    switch reading {
    case .value(_, let requests): return [("requests", requests.map(JSON.int) ?? .null)]
    case .beside(_, let requests, let stable, let stableRequests, _):
      return [
        ("requests", .int(requests)), ("stable_value", stable.map(JSON.number) ?? .null),
        ("stable_requests", .int(stableRequests)),
      ]
    case .compared(let compared):
      return [
        ("requests", .int(compared.canary.requests)), ("bad", .int(compared.canary.bad)),
        ("stable_requests", .int(compared.stable.requests)),
        ("stable_bad", .int(compared.stable.bad)), ("evidence", .number(compared.evidence)),
        ("excess_at_most", compared.upper.map(JSON.number) ?? .null),
        ("margin", .number(compared.margin)),
      ]
    case .noted, .answer, .nothing, .failed: return []
    }
  }

  private static func totals(_ state: CheckState) -> String {
    let totals = state.totals
    let counts = [
      (totals.pass, "pass"), (totals.pending, "pending"), (totals.inconclusive, "inconclusive"),
      (totals.error, "error"), (totals.fail, "fail"),
    ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    var text =
      "    in all \(state.measurements) measurements: \(counts.joined(separator: ", ")); \(totals.changes) changes"
    if let least = totals.least, let most = totals.most {
      text +=
        "; values from \(ValueFormat.decimal(least, places: 3)) to \(ValueFormat.decimal(most, places: 3)), mean \(ValueFormat.decimal(totals.sum / Double(totals.values), places: 3))"
    }
    return text
  }

  private static func json(_ state: CheckState) -> JSON {
    let totals = state.totals
    return .table([
      ("measurements", .int(state.measurements)), ("pass", .int(totals.pass)),
      ("pending", .int(totals.pending)), ("inconclusive", .int(totals.inconclusive)),
      ("error", .int(totals.error)), ("fail", .int(totals.fail)),
      ("changes", .int(totals.changes)), ("values", .int(totals.values)),
      ("sum", .number(totals.sum)), ("least", totals.least.map(JSON.number) ?? .null),
      ("most", totals.most.map(JSON.number) ?? .null),
    ])
  }
}

extension Rollout {
  /// The measured check, as the plan defines it for that stage; nil when the plan has no such stage
  /// or check.
  package func check(_ record: CheckRecord) -> Check? {
    guard plan.stages.indices.contains(record.stage) else { return nil }
    return plan.checks(stage: record.stage).first { $0.name == record.name }
  }
}
