internal import CanaryCore

/// The certificate that a server presents for its name: seconds until it expires, a failure if it
/// is not trusted.
enum CertificateSource {
  static func measure(_ host: String, _ check: Check, authority: String?) async
    -> Measurement.Reading
  {
    var question = HTTPRequest("https://\(host)/", limit: check.timeout)
    question.wireProtocol = .certificate
    question.authority = authority
    question.isFresh = true
    switch await HTTPLoop.shared.send(question) {
    case .success(let answer):
      guard let expires = answer.expires else {
        return .failed("\(host) showed no certificate that says how long it is good")
      }
      return .value((expires - SystemClock.now).seconds, requests: nil)
    // An untrusted certificate is an answer; a server that cannot be reached gives none.
    case .failure(let error) where error.isUntrusted:
      return .answer(false, "\(host): \(error.description)")
    case .failure(let error): return .failed("\(host): \(error.description)")
    }
  }
}

/// Whether a file has the expected SHA-256; one that cannot be read fails.
enum ChecksumSource {
  static func measure(_ path: String, _ wanted: String) -> Measurement.Reading {
    do throws(FileError) {
      let found = try Digest.sha256(file: path)
      return found == wanted
        ? .answer(true, "as it should be")
        : .answer(false, "\(path) has SHA-256 \(found), not \(wanted)")
    } catch {
      return .answer(false, error.description)
    }
  }
}
