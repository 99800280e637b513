// The tables of checks, client selectors and receivers.
extension ConfigTable {
  private static let sources: [Field] = [
    .may(
      "metric", .choice(Metric.allCases.map(\.rawValue) + Metric.ofCopies.map(\.shadowName)), nil,
      "from the access log, by pool; with `shadow_` before it, of copies"),
    .may(
      "probe", .text, nil,
      "a path, asked on every canary server; 200 to 399 is good; `max` bounds the slowest server's time"
    ),
    .may(
      "prometheus", .either([.text, .table(readyQuery)]), nil,
      "a PromQL expression, or one that is ready: [sources.md](sources.md)"),
    .may(
      "http", .text, nil,
      "a URL, or a path of an `endpoint`; without `json` the status decides, and with `max` the time it takes"
    ),
    .may(
      "alerts", .oneOrMore(.text), nil,
      "matchers of Alertmanager: no alert that fits all may fire"),
    .may(
      "certificate", .text, nil,
      "`host:port`: the certificate is good for that name, and for at least `min` (30d)"),
    .may("checksum", .text, nil, "the path of a file, which has the `sha256`"),
    .may(
      "command", .texts, nil,
      "argv; exit 0 is good, or with a bound the number that it prints last"),
  ]

  private static let details: [Field] = [
    .may(
      "endpoint", .text, "the one named like the source", "of prometheus, http, alerts, certificate"
    ),
    .may(
      "reduce", .choice(Reduce.allCases.map(\.rawValue)), "one series",
      "of several series of prometheus"),
    .may("method", .choice(["GET", "POST", "PUT"]), "GET; with `body` POST", "of http"),
    .may("headers", .named(.either([.text, .table(secret)])), "none", "of http"),
    .may("body", .text, "none", "of http"),
    .may("json", .text, "none", "of http: a JSON Pointer (RFC 6901) to the number"),
    .may("json_time", .text, "none", "of http: a JSON Pointer to the time of that number"),
    .may("expect_status", .oneOrMore(.integer), "200 to 399", "of http and probe"),
    .may("expect_body", .text, "any", "of http and probe: a text that the answer must hold"),
    .may("backend", .text, "all", "of probe: the kind of servers that are asked"),
    .may("sha256", .text, nil, "of checksum: 64 hexadecimal digits"),
  ]

  private static let bound = Shape.either([.number, .text])

  private static let conditions: [Field] = [
    .may(
      "max", bound, nil, "the bound itself passes: a share, a duration or a number, by the source"),
    .may("min", bound, nil, "likewise"),
    .may(
      "versus", .choice(["stable"]), nil,
      "compared with stable, request by request: [judge.md](judge.md)"),
    .may(
      "worse_by", .either([.share, .duration]), "by metric: [judge.md](judge.md)",
      "the margin of `versus`: a regression smaller than this may go on; of a latency also a duration"
    ),
    .may(
      "evidence", .choice(["comparison", "thresholds"]), "the plan's",
      "whether a stage waits until the data can exclude more than that"),
    .may(
      "every", .duration, "10s (comparison: soak/1800, 0.5s to 2s), or a third of the soak",
      "how often it is measured; from 2s on, at whole seconds"),
    .may(
      "window", .duration, "1m", "how far back a metric looks, never past the start of its stage"),
    .may("for", .duration, "0s", "broken so long before it fails"),
    .may("failures", .integer, "1", "broken so many times in a row before it fails"),
    .may(
      "warmup", .duration, "0s; 30s where a latency is compared",
      "nothing counts for so long after a stage begins"),
    .may(
      "warmup_requests", .integer, "0; 100 where a latency is compared",
      "of `versus`: nor do so many canary requests; both must be over"),
    .may(
      "min_requests", .integer, "20 for rates and latencies",
      "a verdict needs so many canary requests in the window"),
    .may("timeout", .duration, "5s", "for one measurement"),
    .may(
      "within", .duration, "not at all",
      "of `before`: how long the rollout waits until it passes, asked every `every`"),
    .may("advisory", .bool, "false", "measured and shown, never gates"),
  ]

  package static let check = ConfigTable(
    "plans.NAME.checks[]",
    [.need("name", .text, "its own in the plan")] + sources + details + conditions)

  /// The keys of a check that a stage may override: all but its name.
  package static let override = ConfigTable(
    "plans.NAME.stages[].checks.NAME", check.fields.dropFirst().map { $0 })

  package static let standing = ConfigTable(
    "services.NAME.guards[]",
    check.fields + [
      .may(
        "then", .choice(["hold", "revert"]), "hold",
        "what a failing one does: nothing begins while it fails, or, within `retain` of a promotion, it also goes back"
      )
    ])

  package static let readyQuery = ConfigTable(
    "plans.NAME.checks[].prometheus",
    [.need("named", .choice(ReadyQuery.all.keys.sorted()), "a query that is ready")])

  package static let selector = ConfigTable(
    "preview, never, only",
    [
      .may("header", .table(header), nil, "a header that they send"),
      .may("cookie", .table(cookie), nil, "a cookie that they send"),
      .may("from", .texts, nil, "addresses and ranges, such as `10.1.0.0/16`"),
    ])

  package static let header = ConfigTable(
    "preview.header",
    [
      .need("name", .text, "its name"),
      .may("value", .either([.text, .table(secret)]), nil, "what only those know who are meant"),
      .may("values", .texts, nil, "what a trusted proxy sets"),
    ])

  package static let cookie = ConfigTable(
    "preview.cookie",
    [
      .need("name", .text, "its name"),
      .need("value", .either([.text, .table(secret)]), "what only those know who are meant"),
    ])

  package static let receiver = ConfigTable(
    "notify.NAME",
    [
      .may("webhook", .either([.text, .table(secret)]), nil, "a URL: JSON, signed with `secret`"),
      .may("slack", .table(secret), nil, "where the robot's address is kept"),
      .may("wecom", .table(secret), nil, "likewise, of 企业微信"),
      .may("dingtalk", .table(secret), nil, "likewise, of 钉钉"),
      .may("feishu", .table(secret), nil, "likewise, of 飞书"),
      .may(
        "otlp", .either([.text, .table(secret)]), nil,
        "a URL of an OpenTelemetry collector, such as `http://127.0.0.1:4318`: each rollout as a trace"
      ),
      .may("mail", .texts, nil, "addresses"),
      .may("command", .texts, nil, "argv; the facts are in its environment and on its input"),
      .may("secret", .table(secret), "none", "of webhook, dingtalk and feishu: what signs"),
      .may("headers", .named(.either([.text, .table(secret)])), "none", "of webhook and otlp"),
      .may("from", .text, "the host's", "of mail"),
      .may("sendmail", .texts, "/usr/sbin/sendmail -t -i", "of mail"),
      .may("services", .texts, "all", "of which it is told"),
      .may(
        "events", .list(.choice(HistoryEvent.known.map(\.rawValue))),
        "those that somebody may have to act on",
        "of which it is told"),
      .may(
        "language", .choice(Language.allCases.map(\.rawValue)), "en",
        "of its texts: English or Chinese"),
    ])

  /// All tables, in the order of the reference.
  package static let all: [ConfigTable] = [
    top, nginx, service, pool, route, plan, stage, ready, check, readyQuery, shadow, rate, approval,
    selector, header, cookie, standing, window, hooks, hook, releases, receiver, endpoint, basic,
    secret,
  ]
}
