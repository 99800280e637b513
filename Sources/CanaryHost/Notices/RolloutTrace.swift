internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// A rollout that is over as spans: one for itself, one for each stage (OTLP/HTTP with JSON, as
/// opentelemetry-proto 1 says it: hexadecimal identities, 64-bit numbers as text).
struct RolloutTrace {
  let service: ServiceName
  let record: RolloutRecord
  let harm: Harm?

  /// The same for the same rollout, so that a collector that is told twice has it once.
  private var identity: String {
    Digest.sha256("\(service) \(record.rollout.number) \(record.rollout.started.milliseconds)")
  }

  private func span(
    _ number: Int, _ name: String, _ start: Instant, _ end: Instant, fault: String?,
    _ attributes: [(String, JSON)]
  ) -> JSON {
    let root = String(identity.suffix(16))
    let own = number == 0 ? root : String(Digest.sha256("\(identity) \(number)").prefix(16))
    return .table([
      ("traceId", .text(String(identity.prefix(32)))), ("spanId", .text(own)),
      ("parentSpanId", .text(number == 0 ? "" : root)), ("name", .text(name)), ("kind", .int(1)),
      ("startTimeUnixNano", .text("\(start.milliseconds)000000")),
      ("endTimeUnixNano", .text("\(max(start, end).milliseconds)000000")),
      ("attributes", .list(attributes.map(Self.attribute))),
      (
        "status",
        .table(
          [("code", .int(fault == nil ? 1 : 2))]
            + (fault.map { [("message", .text(Text.sanitized($0, limit: 600)))] } ?? []))
      ),
    ])
  }

  private static func attribute(_ name: String, _ value: JSON) -> JSON {
    let typed: (String, JSON)
    switch value {
    case .int(let number): typed = ("intValue", .text("\(number)"))
    case .number: typed = ("doubleValue", value)
    case .bool: typed = ("boolValue", value)
    default: typed = ("stringValue", value)
    }
    return .table([("key", .text(name)), ("value", .table([typed]))])
  }

  /// The body to post to `/v1/traces`.
  var json: String {
    let rollout = record.rollout
    let end = rollout.ended ?? record.entries.last?.time ?? rollout.started
    let reason = Wording.reason(rollout)
    let common: [(String, JSON)] = [
      ("canary.service", .text(service.text)), ("canary.rollout", .int(rollout.number)),
      ("canary.from", .text(rollout.from.text)), ("canary.to", .text(rollout.to.text)),
      ("canary.release", JSON(rollout.release)),
    ].filter { if case .null = $0.1 { false } else { true } }
    var spans = [
      span(
        0, "rollout \(service)", rollout.started, end, fault: reason,
        common + [
          ("canary.result", .text(rollout.result.rawValue)),
          ("canary.plan", .text(rollout.plan.name)),
          ("canary.actor", .text(rollout.actor.description)),
        ] + (harm.map { [("canary.harm", .text($0.english))] } ?? []))
    ]
    let steps = record.entries.filter { $0.event == .stage && $0.weight != nil }
    let stop = record.entries.first { $0.event == .reverting }?.time ?? end
    for (index, step) in steps.enumerated() {
      let next = index + 1 < steps.count ? steps[index + 1].time : stop
      let isLast = index + 1 == steps.count
      spans.append(
        span(
          index + 1, "stage \(step.weight ?? .none)%", step.time, next,
          fault: isLast ? reason : nil,
          common + [("canary.weight", .number((step.weight ?? .none).percent))]))
    }
    return JSON.table([
      (
        "resourceSpans",
        .list([
          .table([
            (
              "resource",
              .table([
                (
                  "attributes",
                  .list([
                    Self.attribute("service.name", .text("canary")),
                    Self.attribute("service.version", .text(Version.current)),
                    Self.attribute("host.name", .text(ThisProcess.hostName)),
                  ])
                )
              ])
            ),
            (
              "scopeSpans",
              .list([
                .table([
                  ("scope", .table([("name", .text("canary"))])), ("spans", .list(spans)),
                ])
              ])
            ),
          ])
        ])
      )
    ]).line
  }
}
