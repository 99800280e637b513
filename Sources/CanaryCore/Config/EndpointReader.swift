/// Reads one of `endpoints`: the servers that answer measurements.
struct EndpointReader {
  private let table: TableReader
  private let name: String
  private let path: (TableReader, String) -> String?

  /// `path` must read a key as a path relative to the config's folder.
  init(_ table: TableReader, name: String, path: @escaping (TableReader, String) -> String?) {
    self.table = table
    self.name = name
    self.path = path
  }

  func read() -> Endpoint {
    table.refuseUnknown(.endpoint)
    var endpoint = Endpoint.usual.first { $0.name == name } ?? Endpoint(name: name)
    let rule = "must be a URL that begins with http:// or https://, without a user name in it"
    if let url = table.text("url", rule, where: Self.isURL) {
      endpoint.url = url.hasSuffix("/") ? String(url.dropLast()) : url
    }
    endpoint.authority = path(table, "ca")
    endpoint.certificate = path(table, "cert")
    endpoint.key = path(table, "key")
    if table.has("cert") != table.has("key") {
      table.faultHere("must have both cert and key, or neither")
    }
    if table.has("bearer") { endpoint.bearer = Self.secret(table, "bearer", plain: false) }
    let basic = table.table("basic")
    basic.refuseUnknown(.basic)
    if table.has("basic") {
      endpoint.user = basic.text("user", "must be a text without ':'") {
        !$0.isEmpty && !$0.contains(":")
      }
      endpoint.password = Self.secret(basic, "password", plain: false)
      for key in ["user", "password"] where !basic.has(key) {
        basic.faultHere("must have a \(key)")
      }
      if table.has("bearer") { table.fault("basic", "cannot be used together with bearer") }
    }
    endpoint.headers = Self.headers(table.table("headers"))
    return endpoint
  }

  /// Reads headers by name; a value is a text or the place of a secret.
  static func headers(_ table: TableReader) -> [String: Secret] {
    var found: [String: Secret] = [:]
    for key in table.keys {
      guard Address.isHeaderName(key) else {
        table.fault(key, "must have a name of letters, digits and dashes")
        continue
      }
      found[key] = secret(table, key, plain: true)
    }
    return found
  }

  /// Reads `{ env: "NAME" }` or `{ file: "/path" }`, and with `plain` also a text; nil after a
  /// fault.
  static func secret(_ table: TableReader, _ key: String, plain: Bool) -> Secret? {
    let where_ = "{ env: \"NAME\" } or { file: \"/path\" }"
    if case .text(let text)? = table.node(key) {
      guard plain else {
        table.faultHiding(key, "must not stand in the config: say where it is kept, as \(where_)")
        return nil
      }
      guard !text.unicodeScalars.contains(where: { $0.value < 32 }) else {
        table.faultHiding(key, "must be a text of one line")
        return nil
      }
      return Secret(.plain(text))
    }
    let inner = table.table(key)
    inner.refuseUnknown(.secret)
    let prefix = inner.text("prefix", "must be a text of one line") { text in
      !text.unicodeScalars.contains { $0.value < 32 }
    }
    guard table.has(key), inner.has("env") != inner.has("file") else {
      if table.has(key), case .table? = table.node(key) { inner.faultHere("must be \(where_)") }
      return nil
    }
    if inner.has("env") {
      return inner.text("env", variableRule, where: isVariable).map {
        Secret(.environment($0), prefix: prefix ?? "")
      }
    }
    return inner.text("file", "must be an absolute path") { Address.isPlainPath($0) }.map {
      Secret(.file($0), prefix: prefix ?? "")
    }
  }

  static let variableRule = "must be the name of an environment variable"

  /// Whether the text is the name of an environment variable.
  static func isVariable(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { Text.isAlphanumeric($0) || $0 == 95 }
  }

  /// Whether the text is an http or https URL without a user name or password in it.
  static func isURL(_ text: String) -> Bool {
    for scheme in ["http://", "https://"] where text.hasPrefix(scheme) {
      let rest = text.dropFirst(scheme.count)
      let host = rest.prefix { !"/?#".contains($0) }
      return !host.isEmpty && !host.contains("@") && text.utf8.count <= 4096
        && !text.unicodeScalars.contains { $0.value <= 32 || $0.value == 127 }
    }
    return false
  }
}
