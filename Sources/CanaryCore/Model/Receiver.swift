/// One destination of notices, from `notify` of a config.
package struct Receiver: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// A POST with a JSON body, signed with HMAC-SHA-256 if `secret` is set.
    case webhook
    case slack, wecom, dingtalk, feishu
    /// A collector of OpenTelemetry, which gets each rollout as a trace once it is over.
    case otlp
    /// Mail to these addresses through `program`, usually the host's `sendmail`.
    case mail(to: [String], from: String?, program: [String])
    /// A program that gets the notice as JSON on its standard input.
    case command([String])
  }
  package var name: String
  package var kind: Kind
  /// The address of a robot or webhook; a secret, because knowing it is often enough to post there.
  package var url: Secret?
  /// The key that signs notices.
  package var secret: Secret?
  package var headers: [String: Secret]
  /// The services whose events it gets; empty: all.
  package var services: [ServiceName]
  /// The events it gets; nil: `HistoryEvent.usual`.
  package var events: [HistoryEvent]?
  /// The language of the texts it gets.
  package var language = Language.english

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

  /// Whether it gets this event of this service; `service` is nil for an event that belongs to
  /// none.
  package func wants(_ event: HistoryEvent, of service: ServiceName?) -> Bool {
    (kind == .otlp ? [.promoted, .reverted] : events ?? HistoryEvent.usual).contains(event)
      && (services.isEmpty || service.map(services.contains) ?? false)
  }
}
