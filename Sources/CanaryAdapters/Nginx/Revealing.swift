internal import CanaryCore

extension Selector {
  /// Fills in each secret from where it is kept; throws what is wrong with that place, never the
  /// secret itself.
  mutating func reveal() throws(SourceError) {
    var secrets = Secrets(environment: ThisProcess.environment)
    for index in headers.indices {
      headers[index].value = try Self.plain(headers[index].value, &secrets)
    }
    for index in cookies.indices {
      cookies[index].value = try Self.plain(cookies[index].value, &secrets)
    }
  }

  private static func plain(
    _ secret: Secret, _ secrets: inout Secrets
  ) throws(SourceError) -> Secret {
    let text = try secrets.value(secret)
    if let fault = SelectorReader.fault(ofValue: text) {
      throw SourceError(description: "it \(fault)")
    }
    return Secret(.plain(text))
  }
}
