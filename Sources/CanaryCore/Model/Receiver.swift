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
  package var services: [ServiceName]
  /// The events it is told of; nil: those that a person wants to know.
  package var events: [HistoryEvent]?

  package init(
    name: String, kind: Kind, url: Secret? = nil, secret: Secret? = nil,
    headers: [String: Secret] = [:], services: [ServiceName] = [],
    events: [HistoryEvent]? = nil
  ) {
    self.name = name
    self.kind = kind
    self.url = url
    self.secret = secret
    self.headers = headers
    self.services = services
    self.events = events
  }

  /// Whether it is told of an event of that service; nil: of none.
  package func wants(_ event: HistoryEvent, of service: ServiceName?) -> Bool {
    (events ?? HistoryEvent.usual).contains(event)
      && (services.isEmpty || service.map(services.contains) ?? false)
  }
}
