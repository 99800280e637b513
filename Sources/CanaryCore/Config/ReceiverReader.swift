/// Reads one receiver of `notify`.
struct ReceiverReader {
  private let table: TableReader
  private let name: String

  init(_ table: TableReader, name: String) {
    self.table = table
    self.name = name
  }

  private static let kinds = [
    "webhook", "slack", "wecom", "dingtalk", "feishu", "otlp", "mail", "command",
  ]
  /// The keys that only some kinds have, with those kinds.
  private static let special: [String: [String]] = [
    "secret": ["webhook", "dingtalk", "feishu"], "headers": ["webhook", "otlp"], "from": ["mail"],
    "sendmail": ["mail"],
  ]

  func read(services: [String]) -> Receiver? {
    table.refuseUnknown(.receiver)
    let present = Self.kinds.filter(table.has)
    guard present.count == 1 else {
      table.faultHere(
        present.isEmpty
          ? "must have one of \(Self.kinds.dropLast().joined(separator: ", ")) or command"
          : "must have only one of \(present.joined(separator: ", "))")
      return nil
    }
    for (key, kinds) in Self.special.sorted(by: { $0.key < $1.key })
    where table.has(key) && !kinds.contains(present[0]) {
      table.fault(
        key, "has no meaning for \(present[0]), only for \(kinds.joined(separator: ", "))")
    }
    guard let kind = readKind(present[0]) else { return nil }
    var receiver = Receiver(name: name, kind: kind)
    switch kind {
    case .webhook, .slack, .wecom, .dingtalk, .feishu, .otlp:
      guard let url = readURL(present[0]) else { return nil }
      receiver.url = url
    case .mail, .command: break
    }
    if table.has("secret") {
      receiver.secret = EndpointReader.secret(table, "secret", plain: false)
    }
    receiver.headers = EndpointReader.headers(table.table("headers"))
    let known = services.joined(separator: ", ")
    receiver.services =
      (table.texts("services", "must be a service of the config (\(known))") {
        services.contains($0)
      } ?? []).compactMap { ServiceName($0) }
    let events = HistoryEvent.known.map(\.rawValue)
    receiver.events = table.texts("events", "must be one of \(events.joined(separator: ", "))") {
      events.contains($0)
    }?.compactMap(HistoryEvent.init)
    for key in ["events", "language"] where kind == .otlp && table.has(key) {
      table.fault(key, "has no meaning for otlp, which gets each rollout once it is over")
    }
    receiver.language =
      table.text("language", "must be \"en\" or \"zh\"", where: { Language(rawValue: $0) != nil })
      .flatMap(Language.init) ?? .english
    return receiver
  }

  /// Reads the receiver's address; that of a robot must not stand in the config, because it works
  /// as a password.
  private func readURL(_ key: String) -> Secret? {
    if ["webhook", "otlp"].contains(key), case .text? = table.node(key) {
      return table.text(
        key,
        "must be a URL that begins with http:// or https://, or { env: \"NAME\" } or { file: \"/path\" }",
        where: EndpointReader.isURL
      ).map { Secret(.plain($0)) }
    }
    return EndpointReader.secret(table, key, plain: false)
  }

  private func readKind(_ key: String) -> Receiver.Kind? {
    switch key {
    case "webhook": return .webhook
    case "slack": return .slack
    case "wecom": return .wecom
    case "dingtalk": return .dingtalk
    case "feishu": return .feishu
    case "otlp": return .otlp
    case "mail":
      let rule = "must be a mail address"
      let to = table.texts("mail", rule, where: Self.isMail) ?? []
      if table.list("mail")?.isEmpty == true { table.fault("mail", "must hold an address") }
      let from = table.text("from", rule, where: Self.isMail)
      let program = table.has("sendmail") ? UnattendedReader.words(table, "sendmail") : nil
      return to.isEmpty
        ? nil : .mail(to: to, from: from, program: program ?? ["/usr/sbin/sendmail", "-t", "-i"])
    default: return UnattendedReader.words(table, "command").map(Receiver.Kind.command)
    }
  }

  /// Whether the text is a mail address that is safe in a mail header and on a command line.
  private static func isMail(_ text: String) -> Bool {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    let fits = { (byte: UInt8) in
      Text.isAlphanumeric(byte) || [43, 45, 46, 61, 95].contains(byte)
    }
    return parts.count == 2 && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(fits) }
      && !text.hasPrefix("-") && text.utf8.count <= 254
  }
}
