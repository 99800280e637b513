/// Who is told of changes, and how.
package struct Receiver: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// A JSON body, signed with HMAC-SHA-256 where there is a secret.
    case webhook
    case slack, wecom, dingtalk, feishu
    /// By the host's `sendmail`, to these addresses.
    case mail(to: [String], from: String?, program: [String])
    /// A program that gets the JSON on its standard input.
    case command([String])
  }
  package var name: String
  package var kind: Kind
  /// Where a robot or a webhook listens; secret, because its address is all that it takes to write to many of them.
  package var url: Secret?
  /// What signs.
  package var secret: Secret?
  package var headers: [String: Secret]
  /// The services it is told of; empty: all.
  package var services: [Name]
  /// The events it is told of; nil: those that a person wants to know.
  package var events: [String]?

  package init(
    name: String, kind: Kind, url: Secret? = nil, secret: Secret? = nil,
    headers: [String: Secret] = [:], services: [Name] = [], events: [String]? = nil
  ) {
    self.name = name
    self.kind = kind
    self.url = url
    self.secret = secret
    self.headers = headers
    self.services = services
    self.events = events
  }

  /// What a person wants to know: changes of state, and what holds one up.
  package static let usualEvents = [
    "scheduled", "cancelled", "missed", "started", "stage", "held", "awaiting_approval", "approved",
    "rejected", "paused", "resumed", "advanced", "reverting", "reverted", "promoted", "hook_failed",
    "source_error", "guard", "frozen", "thawed", "notice_failed",
  ]
  /// Everything that the history knows.
  package static let allEvents =
    usualEvents + [
      "verdict", "preflight", "hook", "hook_dropped", "apply", "apply_failed", "refused",
    ]

  package func wants(_ event: String, of service: String) -> Bool {
    (events ?? Self.usualEvents).contains(event)
      && (services.isEmpty || services.contains { $0.text == service })
  }
}
