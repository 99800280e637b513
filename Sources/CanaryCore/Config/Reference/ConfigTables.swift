// The tables of the config, from the top down.
extension ConfigTable {
  package static let top = ConfigTable(
    "The whole",
    [
      .may(
        "$schema", .text, nil, "for editors: `docs/canary.schema.json`; canary does not read it"),
      .may("nginx", .table(nginx), nil, "the Nginx that is there, and how it is told"),
      .may("state", .text, "/var/lib/canary", "the store, `canary.db`, and the output of hooks"),
      .may(
        "run", .text, "/run/canary",
        "brake flags, locks, the probe socket; Nginx must see it under the same path"),
      .may(
        "templates", .text, "built in",
        "a folder whose files replace ours of the same name (`nginx-templates/`)"),
      .need("services", .named(.table(service)), "what clients reach through Nginx, by name"),
      .may(
        "plans", .named(.table(plan)), nil,
        "plans that services name; `standard` and `try` are built in"),
      .may(
        "endpoints", .named(.table(endpoint)), "`prometheus` and `alertmanager` on loopback",
        "servers that are asked for measurements: [sources.md](sources.md)"),
      .may(
        "zone", .text, "UTC",
        "whose clock windows go by: a name such as `Asia/Shanghai`, or `local`: [unattended.md](unattended.md)"
      ),
      .may("blackouts", .list(.table(window)), "none", "when nothing grows, in any service"),
      .may("notify", .named(.table(receiver)), "nobody", "who is told of what happens"),
      .may(
        "environment", .texts, "none",
        "names of environment variables that hooks, check commands, mail programs and Nginx get beside `PATH`, `HOME`, `LANG`, `TZ` and the like; no other variable of canary's own reaches them"
      ),
      .may(
        "operators", .text, "the controller's own group",
        "the group whose people may ask the controller, through `control.sock` in `run`: [security.md](security.md)"
      ),
      .may(
        "page", .text, "none",
        "the folder of the status page, such as `/var/cache/canary`: [monitoring.md](monitoring.md)"
      ),
      .may(
        "metrics", .text, "none",
        "a file ending in `.prom` for node_exporter's textfile collector; the page has the same at `/metrics`"
      ),
    ])

  package static let nginx = ConfigTable(
    "nginx",
    [
      .may(
        "config", .text, "/etc/nginx/nginx.conf",
        "the main file that Nginx runs with; read, never written"),
      .may(
        "include", .text, "/etc/nginx/canary",
        "the folder of the generated files, included in `http {}`"),
      .may(
        "test", .texts, "nginx -t -c CONFIG",
        "argv; for a container, for example `[\"docker\", \"exec\", \"web\", \"nginx\", \"-t\"]`"),
      .may("reload", .texts, "nginx -s reload -c CONFIG", "argv"),
      .may("logs", .text, "/var/log/nginx", "Nginx writes `canary-SERVICE.log` there"),
      .may(
        "verify", .duration, "15s",
        "how long running workers may take to answer with a new generation"),
      .may(
        "zone", .text, "none",
        "the zone of this host: its servers are preferred ([audience.md](audience.md))"),
    ])

  package static let service = ConfigTable(
    "services.NAME",
    [
      .need("pools", .named(.table(pool)), "two or more, usually `blue` and `green`"),
      .need(
        "stable", .text, "the pool that is stable at the first start; later the store knows"),
      .may(
        "plan", .either([.text, .table(plan)]), "standard",
        "a name from `plans`, or a plan written here; `\"try\"` is a built-in one for a first rollout: 10 → 50 → 100 %, half a minute each, with the bounds of the default plan and no comparison"
      ),
      .may(
        "health", .either([.text, .no]), "/health",
        "what the health check of the usual checks asks each server for; with gRPC grpc.health.v1, of the whole server or of the service that is named here (`\"shop.v1.Cart\"`); `false`: nothing but a connection"
      ),
      .may(
        "probe_host", .text, "the server's address",
        "the `Host` of health probes; with TLS also the name that is asked for"),
      .may(
        "resolver", .either([.text, .bool]), "none",
        "who resolves the names of servers while Nginx runs, as `\"127.0.0.11 valid=30s\"`, or `true`: the `resolver` of your location; each pool has one server then, and there is no `shield` and no `fallback`"
      ),
      .may("listen", .texts, "none", "canary writes the whole `server {}`, on these addresses"),
      .may("server_names", .texts, "none", "names of that server; may begin with `*.`"),
      .may(
        "retain", .duration, "24h", "how long a `revert` goes back to the pool before a promotion"),
      .may(
        "weights", .choice(["seats", "upstream"]), "seats",
        "how the canary gets its share: `\"seats\"` changes stages without a reload of Nginx; `\"upstream\"` is exact to one request in a thousand, with a reload for each stage; a service with `tcp` has the latter"
      ),
      .may(
        "shield", .bool, "true",
        "a request that fails on the canary is tried on stable, unless it is a POST, LOCK or PATCH"),
      .may(
        "fallback", .bool, "true",
        "a stable pool that is entirely down falls back to the other, unless that was just reverted"
      ),
      .may(
        "headers", .named(.text), "none",
        "headers for the pools, with `listen` beside `Host`, `X-Real-IP`, `X-Forwarded-For` and `-Proto`; may hold \(Address.headerVariables.map { "`$\($0)`" }.joined(separator: ", "))"
      ),
      .may(
        "routes", .named(.table(route)), "one location",
        "several, by path or `= /exact`, each with settings of its own"),
      .may(
        "protocol", .choice(Scheme.allCases.map(\.rawValue)), "http",
        "what its servers speak; `https`, `grpcs`: as the `proxy_ssl_…` lines of your location say; `tcp` in `stream {}`: [audience.md](audience.md)"
      ),
      .may("http2", .bool, "false", "HTTP/2 on what it listens on"),
      .may(
        "sticky", .text, "none",
        "`user`, `ip`, `cookie:NAME`, `header:NAME`: a client stays in its pool during a rollout"),
      .may(
        "preview", .oneOrMore(.table(selector)), "nobody", "who reaches the canary at any weight"),
      .may("never", .oneOrMore(.table(selector)), "nobody", "who never reaches it"),
      .may(
        "trusted", .texts, "127.0.0.1, ::1",
        "proxies whose word on addresses and tags is believed"),
      .may("expose", .bool, "false", "`X-Canary-Pool` in answers"),
      .may(
        "answer_headers", .named(.text), "none", "headers of yours that ours would push out"),
      .may(
        "buffering", .bool, "false with `listen`, else yours",
        "off suits streams of events and large uploads"),
      .may(
        "timeout", .duration, "1h with `listen`, else yours",
        "the longest silence between two reads or writes"),
      .may("connect_timeout", .duration, "5s with `listen`, else yours", "to connect to a server"),
      .may(
        "body_limit", .text, "none with `listen`, else yours", "such as `0`, `100m` or `1g`"),
      .may(
        "keepalive", .integer, "64 with `listen`, else none",
        "idle connections to each upstream, for each worker; needs `proxy_http_version 1.1` and an empty `Connection` in a location of yours"
      ),
      .may(
        "retry", .text, "error timeout",
        "what is tried again on another server of its pool, in words of `proxy_next_upstream`; `off`: nothing, not even by `shield`; with answers such as `http_502` there is no `fallback`"
      ),
      .may("retry_tries", .integer, "each server once", "on how many servers a request is tried"),
      .may(
        "retry_timeout", .duration, "15s with `listen`, else yours",
        "for how long a request may be tried again"),
      .may(
        "latency", .choice(["response", "first_byte"]), "response",
        "`first_byte` is right for streams, whose length says nothing"),
      .may(
        "guards", .list(.table(standing)), "none",
        "checks that stand outside of any plan: [sources.md](sources.md)"),
      .may("zone", .text, "the config's", "whose clock its windows go by"),
      .may(
        "windows", .list(.table(window)), "always",
        "when it may grow: [unattended.md](unattended.md)"),
      .may("blackouts", .list(.table(window)), "the config's", "when it may not, beside those"),
      .may("hooks", .table(hooks), "none", "programs beside a rollout"),
      .may("releases", .table(releases), "any", "which versions may be released"),
      .may(
        "require", .texts, "nothing", "what `promote` must say: `reason`, `release`, `meta.KEY`"),
      .may(
        "access_log", .texts, "none",
        "further logs, `\"/path\"` or `\"/path format\"`: in a rollout ours replaces the inherited ones; `[]`: none at rest either"
      ),
    ])

  package static let plan = ConfigTable(
    "plans.NAME",
    [
      .need("stages", .list(.table(stage)), "in order, with rising weights, 100 in the last"),
      .may(
        "checks", .list(.table(check)), "errors, latency, health, four comparisons with stable",
        "`[]` gates by nothing but the soak"),
      .may(
        "before", .list(.table(check)), "none",
        "checks that are asked once before the first stage: [unattended.md](unattended.md)"),
      .may(
        "ready", .table(ready), nil, "what every server of the canary must do before any traffic"),
      .may(
        "alpha", .share, "1%",
        "the chance of a false revert by comparisons, over the whole rollout: [judge.md](judge.md)"),
      .may(
        "evidence", .choice(["comparison", "thresholds"]),
        "comparison; without `checks` of its own: thresholds",
        "what a comparison demands before a stage passes; `thresholds`: nothing"),
    ])

  package static let ready = ConfigTable(
    "plans.NAME.ready",
    [
      .may("path", .text, "the first probe's", "what is asked"),
      .may("backend", .text, "the first probe's", "the kind of servers that are asked"),
      .may("times", .integer, "3", "how many times running every server must answer"),
      .may("within", .duration, "30s", "for how long that is waited for"),
    ])

  package static let stage = ConfigTable(
    "plans.NAME.stages[]",
    [
      .may(
        "weight", .number, "0 with `preview` or `shadow`, else needed",
        "percent of the requests, two decimals at most"),
      .need("soak", .duration, "how long at least"),
      .may(
        "deadline", .duration, "3 × soak, at least 10m more",
        "a stage that has not passed by then is reverted"),
      .may("on_deadline", .choice(["revert", "pause"]), "revert", "or held for a person"),
      .may(
        "checks", .named(.either([.table(override), .no])), "the plan's",
        "what this stage says otherwise, by the check's name: `{ errors: { max: \"1%\" }, health: false }`"
      ),
      .may("approval", .table(approval), "none", "who must agree before this stage"),
      .may(
        "preview", .bool, "true",
        "whether the service's `preview` lets people in; said as `true` it allows weight 0: [audience.md](audience.md)"
      ),
      .may("only", .oneOrMore(.table(selector)), "everybody", "of whom the share is drawn"),
      .may(
        "shadow", .either([.number, .table(shadow)]), "none", "percent of the requests to copy"),
      .may(
        "limit", .either([.text, .table(rate)]), "the pool's",
        "the most requests for the canary, as `\"100r/s\"`"),
    ])

  package static let shadow = ConfigTable(
    "plans.NAME.stages[].shadow",
    [
      .need("share", .number, "percent of the requests to copy"),
      .may("paths", .texts, "all", "the routes that are copied"),
      .may("methods", .texts, "GET, HEAD", "others need `paths`: their bodies are read whole"),
    ])

  package static let approval = ConfigTable(
    "plans.NAME.stages[].approval",
    [
      .may("by", .texts, "anybody", "`\"group:NAME\"` or `\"user:NAME\"`"),
      .may("each", .texts, "none", "one approval from every one of these, by different people"),
      .may("count", .integer, "1", "how many different people"),
      .may("within", .duration, "24h", "after that it is reverted"),
      .may("starter", .bool, "false", "the one who started it may approve"),
    ])

  package static let endpoint = ConfigTable(
    "endpoints.NAME",
    [
      .may(
        "url", .text, "http://127.0.0.1:9090 or :9093 for the usual two",
        "scheme, host, port and the path before the API"),
      .may("ca", .text, "the system's", "the authority that its certificate is checked against"),
      .may("cert", .text, "none", "a client certificate, with `key`"),
      .may("key", .text, "none", "its key"),
      .may("bearer", .table(secret), "none", "a token"),
      .may("basic", .table(basic), "none", "a user and a password"),
      .may("headers", .named(.either([.text, .table(secret)])), "none", "further headers"),
    ])

  package static let basic = ConfigTable(
    "endpoints.NAME.basic",
    [
      .need("user", .text, "the user"),
      .need("password", .table(secret), "where the password is kept"),
    ])

  package static let secret = ConfigTable(
    "A secret",
    [
      .may("env", .text, nil, "the variable that holds it"),
      .may("file", .text, nil, "the file that holds it, readable for its owner alone"),
      .may("prefix", .text, "none", "what stands before it, such as `Bearer `"),
    ])

  package static let window = ConfigTable(
    "windows[] and blackouts[]",
    [
      .may("days", .text, "every day", "such as `tue,thu` or `mon-fri`"),
      .may("dates", .text, "every date", "such as `last-2..last`, `12-24..12-26` or `2026-11-11`"),
      .may("from", .text, "00:00", "by the clock on the wall, with `to`"),
      .may("to", .text, "24:00", "earlier than `from`: over midnight"),
      .may("zone", .text, "the service's", "whose clock"),
    ])

  package static let releases = ConfigTable(
    "services.NAME.releases",
    [
      .may("deny", .texts, "none", "patterns such as `*-dev*`"),
      .may("allow", .texts, "all", "patterns, one of which must fit"),
      .may("semver", .bool, "false", "`MAJOR.MINOR.PATCH` with what may follow (semver.org)"),
    ])
}
