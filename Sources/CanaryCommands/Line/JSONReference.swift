/// Every JSON field that commands print; a test compares it with real output.
enum JSONReference {
  struct Shape {
    let command: String
    let what: String
    /// The field's path, with `[]` for the elements of a list and `*` for names, and its meaning.
    let fields: [(path: String, meaning: String)]
  }

  private static let entry: [(String, String)] = [
    ("time", "RFC 3339, UTC"), ("event", "what happened; the words of `canary history`"),
    ("weight", "percent of the canary at that time, or null"),
    ("actor", "who; `canary` for the program itself"), ("detail", "one line, or null"),
    ("hint", "what to do about it, or null"),
  ]

  static let shapes: [Shape] = [
    Shape(
      command: "canary status SERVICE --json", what: "An object; without SERVICE a list of them.",
      fields: [
        ("service", "its name"),
        (
          "phase",
          "`idle`, `scheduled`, `starting`, `soaking`, `paused`, `awaiting_approval`, `reverting`, `reverted`, `promoted`"
        ),
        ("stable", "the pool that is stable"),
        ("canary", "the pool that a rollout goes to or came from, or null"),
        ("release", "what `--release` said, or null"),
        ("weight", "percent that a worker of Nginx confirms now, or null: none can be asked"),
        ("weights.*", "percent of each pool, or null"),
        ("weight_fault", "why no worker can be asked, or null"),
        ("generation", "the number of the configuration that is confirmed"),
        ("brake", "whether the brake sends every new request to stable"),
        ("stage", "null before the first stage and after the last"),
        ("stage.index", "from 0 on"), ("stage.count", "stages of the plan"),
        ("stage.weight", "percent of the stage"),
        ("stage.audience", "whom the stage is for, or null: everybody"),
        ("stage.soak_seconds", "how long it is to be held"),
        ("stage.elapsed_seconds", "how long a driver has held it"),
        ("checks[].name", "its name in the plan"),
        ("checks[].verdict", "`pass`, `pending`, `inconclusive`, `error`, `fail`"),
        (
          "checks[].value",
          "the last number, in its own unit (shares from 0 to 1, seconds), or null"
        ),
        ("checks[].detail", "one line"), ("checks[].advisory", "measured, but gates nothing"),
        ("checks[].measured", "when, or null"), ("checks[].measurements", "in this stage"),
        ("unreadable_lines", "lines of the access log that were of no use, ever"),
        ("rollout", "its number, or null"), ("reason", "why it went back, or was begun, or null"),
        ("freeze", "null, or"), ("freeze.reason", "why"), ("freeze.actor", "who"),
        ("freeze.since", "when"), ("freeze.until", "when it ends by itself, or null"),
        ("scheduled", "null, or"), ("scheduled.to", "the pool"), ("scheduled.release", "or null"),
        ("scheduled.at", "when"), ("scheduled.in_window", "or in a later window"),
        ("scheduled.actor", "who"),
        ("approval", "null, or what is waited for"), ("approval.stage", "from 0 on"),
        ("approval.count", "how many people"), ("approval.given[]", "who has"),
        ("approval.by[]", "who may"), ("approval.until", "when it is reverted"),
        ("releases.*", "what each pool runs, as far as a `promote` said so, or null"),
        (
          "headline.kind",
          "the decision: `braked`, `undriven`, `stale`, `stable_down`, `failing`, `waiting`, `reverting`, `no_data`, `suspect`, `held`, `paused`, `starting`, `soaking`, `scheduled`, `reverted`, `promoted`, `idle`"
        ),
        ("headline.word", "the same for people"), ("headline.text", "its facts on one line"),
        ("done", "when the canary is stable at the earliest, or null"),
        ("driver", "null, or"), ("driver.pid", "the process that drives, or drove last"),
        ("driver.alive", "false: nobody drives the rollout"),
      ]),
    Shape(
      command: "canary history SERVICE --json", what: "A list, newest first.",
      fields: [
        ("[].rollout", "its number"), ("[].service", "its service"), ("[].from", "the pool before"),
        ("[].to", "the pool that it goes to"), ("[].release", "or null"),
        ("[].result", "`promoted`, `reverted`, `stopped`, `running`"),
        ("[].reason", "why it went back, or was begun, or null"), ("[].actor", "who began it"),
        ("[].started", "when"), ("[].ended", "when, or null"),
      ] + entry.map { ("[].events[].\($0.0)", $0.1) }),
    Shape(
      command: "canary promote SERVICE --json", what: "A line for each event, as it happens.",
      fields: entry + [("service", "its name"), ("rollout", "its number")]),
    Shape(
      command: "canary schedule --json", what: "A list, soonest first.",
      fields: [
        ("[].service", "its name"), ("[].event", "what comes"), ("[].time", "when, or null"),
        ("[].detail", "one line"),
      ]),
    Shape(
      command: "canary audit --json", what: "An object.",
      fields: [
        ("chain.whole", "whether every entry carries the hash of the one before"),
        ("chain.entries", "how many there are"), ("chain.head", "the hash of the last, or null"),
        ("chain.fault", "where it is broken, or null"), ("entries[].id", "rising"),
        ("entries[].time", "RFC 3339, UTC"), ("entries[].service", "its service"),
        ("entries[].rollout", "its number, null outside of one"),
        ("entries[].event", "what happened"),
        ("entries[].weight", "percent, or null"), ("entries[].actor", "who"),
        ("entries[].origin", "from where, or null"), ("entries[].detail", "what and why, or null"),
        ("entries[].hint", "what to do about it, or null"),
        ("entries[].hash", "its own, or null for one from before there were any"),
      ]),
    Shape(
      command: "canary route SERVICE --json", what: "An object.",
      fields: [
        ("service", "its name"), ("pool", "where the request goes; null: by chance"),
        ("role", "`stable` or `canary`, or null"), ("why", "the rule that decides"),
        ("weight", "percent of the canary"), ("brake", "whether the brake is on"),
      ]),
  ]

  static var text: String {
    shapes.map { shape in
      let rows = shape.fields.map { "| `\($0.path)` | \(Reference.cell($0.meaning)) |" }
      return
        (["### `\(shape.command)`", "", shape.what, "", "| field | |", "|---|---|"] + rows)
        .joined(separator: "\n")
    }.joined(separator: "\n\n")
  }
}
