// The tables of pools and routes.
extension ConfigTable {
  static let rate = ConfigTable(
    "A limit",
    [
      .need("rate", .text, "as `\"100r/s\"` or `\"100r/m\"`"),
      .may(
        "burst", .integer, "the number of the rate, at least 10",
        "how many may come at once beyond it"),
    ])

  package static let pool = ConfigTable(
    "services.NAME.pools.NAME",
    [
      .may(
        "servers", .texts, "needed without `upstream`",
        "`\"host:port\"`, `\"[v6]:port\"`, `\"unix:/path\"`, with `weight=N`, `max_conns=N`, `max_fails=N`, `fail_timeout=TIME`, `zone=NAME`, `backend=NAME`, `backup`, `down`"
      ),
      .may(
        "upstream", .text, "none",
        "the name of an `upstream` of your own: requests go to that group as it is, and retries stay in it, so `shield` and `fallback` do nothing; its servers are read from Nginx's files, unless `servers` names them, as for a container"
      ),
      .may(
        "limit", .either([.text, .table(rate)]), "none",
        "the most requests, as `\"100r/s\"` or `\"100r/m\"`; more are answered with 429"),
      .may(
        "balance", .text, "by turns",
        "how a server is chosen: `ip_hash`, `least_conn`, `hash KEY`, `hash KEY consistent`; Nginx takes no backup beside a hash, so `shield` and `fallback` do nothing for that pool"
      ),
    ])

  package static let route: ConfigTable = {
    let own: [Field] = [
      .may("backend", .text, "all servers", "the kind of its servers (`backend=` of a server)"),
      .may(
        "protocol", .choice(["http", "https", "grpc", "grpcs"]), "the service's",
        "what its servers speak"),
    ]
    let shapes: [(String, Shape)] = [
      ("buffering", .bool), ("timeout", .duration), ("connect_timeout", .duration),
      ("body_limit", .text), ("headers", .named(.text)), ("retry", .text),
      ("retry_tries", .integer), ("retry_timeout", .duration),
    ]
    return ConfigTable(
      "services.NAME.routes.PATH",
      own + shapes.map { .may($0.0, $0.1, "the service's", "as of the service") })
  }()
}
