internal import CCurl
package import CanaryCore
internal import Glibc

/// HTTP by libcurl, with a hard deadline and a bounded body; blocks the calling thread.
package final class HTTPClient {
  package init() {}

  /// GET by a new connection; does not follow redirects.
  package func get(
    _ url: String, unixSocket: String? = nil, limit: Span, bodyLimit: Int = 64 << 10
  ) throws(HTTPError) -> HTTPAnswer {
    var question = HTTPRequest(url, limit: limit)
    question.unixSocket = unixSocket
    question.bodyLimit = bodyLimit
    question.isFresh = true
    guard let transfer = HTTPTransfer(question) else {
      throw HTTPError(description: "libcurl cannot be started", isRefused: false)
    }
    return try transfer.finish(curl_easy_perform(transfer.handle)).get()
  }
}

/// One transfer of libcurl; used by one thread only.
final class HTTPTransfer {
  let handle: UnsafeMutableRawPointer
  private let question: HTTPRequest
  private let answer: Answer
  private let fault: UnsafeMutablePointer<CChar>
  private var headers: UnsafeMutablePointer<curl_slist>?
  private var addresses: UnsafeMutablePointer<curl_slist>?

  private static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  private final class Answer {
    var bytes: [UInt8] = []
    var age: Span?
    var date: Instant?
    var type = ""
    var isTooLong = false
    var grpcCode: Int?
    var grpcMessage = ""
    let limit: Int
    init(limit: Int) { self.limit = limit }

    func take(header: String) {
      let parts = header.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { return }
      let value = parts[1].filter { !$0.isNewline }
      switch parts[0].lowercased() {
      case "content-type": type = String(value.drop { $0 == " " })
      case "age": age = Int64(value.filter { $0 != " " }).map { Span(milliseconds: 1000) * $0 }
      case "date":
        let time = curl_getdate(value, nil)
        if time > 0 { date = HTTPTransfer.instant(time) }
      case "grpc-status": grpcCode = Int(value.filter { $0 != " " })
      case "grpc-message": grpcMessage = String(value.drop { $0 == " " })
      default: break
      }
    }
  }

  init?(_ question: HTTPRequest) {
    guard Self.isReady, let handle = curl_easy_init() else { return nil }
    self.handle = handle
    self.question = question
    answer = Answer(limit: question.bodyLimit)
    fault = .allocate(capacity: Int(CURL_ERROR_SIZE))
    fault.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    prepare()
    listen()
  }

  deinit {
    curl_easy_cleanup(handle)
    curl_slist_free_all(headers)
    curl_slist_free_all(addresses)
    fault.deallocate()
  }

  private func prepare() {
    _ = canary_curl_set_text(handle, CURLOPT_URL, question.url)
    _ = canary_curl_set_text(handle, CURLOPT_USERAGENT, "canary")
    _ = canary_curl_set_http_only(handle)
    // A proxy from the environment is for outside servers, not for this host or the servers of a
    // pool.
    if question.isFresh || Self.isLocal(question.url) {
      _ = canary_curl_set_text(handle, CURLOPT_PROXY, "")
    }
    _ = canary_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
    _ = canary_curl_set_long(handle, CURLOPT_TIMEOUT_MS, Int(max(1, question.limit.milliseconds)))
    _ = canary_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, fault)
    switch question.wireProtocol {
    case .http: break
    case .https, .http2s:
      _ = canary_curl_set_long(handle, CURLOPT_SSL_VERIFYPEER, 0)
      _ = canary_curl_set_long(handle, CURLOPT_SSL_VERIFYHOST, 0)
      if question.wireProtocol == .http2s {
        _ = canary_curl_set_long(handle, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
      }
    case .http2:
      let version = CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
      _ = canary_curl_set_long(handle, CURLOPT_HTTP_VERSION, Int(version))
    case .connection: _ = canary_curl_set_long(handle, CURLOPT_CONNECT_ONLY, 1)
    case .certificate:
      _ = canary_curl_set_long(handle, CURLOPT_CERTINFO, 1)
      _ = canary_curl_set_long(handle, CURLOPT_CONNECT_ONLY, 1)
    }
    if question.isFresh {
      _ = canary_curl_set_long(handle, CURLOPT_FRESH_CONNECT, 1)
      _ = canary_curl_set_long(handle, CURLOPT_FORBID_REUSE, 1)
    }
    if let socket = question.unixSocket {
      _ = canary_curl_set_text(handle, CURLOPT_UNIX_SOCKET_PATH, socket)
    }
    if let address = question.address {
      addresses = curl_slist_append(nil, "::\(address)")
      if let addresses { _ = canary_curl_set_pointer(handle, CURLOPT_CONNECT_TO, addresses) }
    }
    for (option, path) in [
      (CURLOPT_CAINFO, question.authority), (CURLOPT_SSLCERT, question.certificate),
      (CURLOPT_SSLKEY, question.key),
    ] {
      if let path { _ = canary_curl_set_text(handle, option, path) }
    }
    if question.method != "GET" {
      _ = canary_curl_set_text(handle, CURLOPT_CUSTOMREQUEST, question.method)
    }
    if let body = question.body {
      _ = canary_curl_set_long(handle, CURLOPT_POSTFIELDSIZE, body.utf8.count)
      _ = canary_curl_set_text(handle, CURLOPT_COPYPOSTFIELDS, body)
    }
    for header in question.headers {
      headers = curl_slist_append(headers, "\(header.name): \(header.value)") ?? headers
    }
    if let headers { _ = canary_curl_set_pointer(handle, CURLOPT_HTTPHEADER, headers) }
  }

  private func listen() {
    let context = Unmanaged.passUnretained(answer).toOpaque()
    _ = canary_curl_set_pointer(handle, CURLOPT_WRITEDATA, context)
    _ = canary_curl_set_writer(handle) { data, size, count, context in
      guard let data, let context else { return 0 }
      let answer = Unmanaged<Answer>.fromOpaque(context).takeUnretainedValue()
      let length = size * count
      guard answer.bytes.count + length <= answer.limit else {
        answer.isTooLong = true
        return 0
      }
      data.withMemoryRebound(to: UInt8.self, capacity: length) {
        answer.bytes.append(contentsOf: UnsafeBufferPointer(start: $0, count: length))
      }
      return length
    }
    _ = canary_curl_set_pointer(handle, CURLOPT_HEADERDATA, context)
    _ = canary_curl_set_header_reader(handle) { data, size, count, context in
      guard let data, let context else { return 0 }
      let length = size * count
      let text = data.withMemoryRebound(to: UInt8.self, capacity: length) {
        String(decoding: UnsafeBufferPointer(start: $0, count: min(length, 1024)), as: UTF8.self)
      }
      Unmanaged<Answer>.fromOpaque(context).takeUnretainedValue().take(header: text)
      return length
    }
  }

  /// The result, once libcurl has finished with this code.
  func finish(_ code: CURLcode) -> Result<HTTPAnswer, HTTPError> {
    var status = 0
    _ = canary_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
    // A body over the limit ends the transfer; a probe has its status by then, which is enough.
    // A server of gRPC that knows no such call resets the stream as soon as it has said so.
    let isWhole =
      code == CURLE_OK || status > 0 && answer.grpcCode != nil
      || answer.isTooLong && status > 0 && question.isFresh
    guard isWhole else {
      let text: String
      switch code {
      case CURLE_OPERATION_TIMEDOUT: text = "no answer within \(question.limit)"
      case CURLE_WRITE_ERROR where answer.isTooLong:
        text = "the answer is longer than \(question.bodyLimit >> 10) KiB"
      default:
        let detail = String(cString: fault)
        text = detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail
      }
      return .failure(
        HTTPError(
          description: text, isRefused: code == CURLE_COULDNT_CONNECT, isTooLong: answer.isTooLong,
          isTimeout: code == CURLE_OPERATION_TIMEDOUT,
          isUntrusted: code == CURLE_PEER_FAILED_VERIFICATION))
    }
    var seconds = 0.0
    _ = canary_curl_get_double(handle, CURLINFO_TOTAL_TIME, &seconds)
    let sinceDate = answer.date.map { SystemClock.now.wholeSecond - $0 }
    let ages = [answer.age, sinceDate].compactMap(\.self)
    var found = HTTPAnswer(
      status: status, body: String(decoding: answer.bytes, as: UTF8.self), seconds: seconds,
      // No more than an `Age` can say (RFC 9111): any number may stand there.
      age: ages.max().map { max(.zero, min($0, .seconds(2_147_483_648))) })
    found.type = answer.type
    if case .certificate = question.wireProtocol { found.expires = expires }
    found.grpc = answer.grpcCode.map { .init(code: $0, message: answer.grpcMessage) }
    return .success(found)
  }

  /// When the server's own certificate expires, the first of its chain; nil when libcurl does not
  /// say.
  private var expires: Instant? {
    var raw: UnsafeMutableRawPointer?
    _ = canary_curl_get_pointer(handle, CURLINFO_CERTINFO, &raw)
    guard let info = raw?.assumingMemoryBound(to: curl_certinfo.self).pointee,
      info.num_of_certs > 0
    else { return nil }
    var next = info.certinfo[0]
    while let line = next?.pointee {
      let text = line.data.map { String(cString: $0) } ?? ""
      if text.hasPrefix("Expire date:") {
        let time = curl_getdate(String(text.dropFirst(12)), nil)
        return time > 0 ? Self.instant(time) : nil
      }
      next = line.next
    }
    return nil
  }

  /// The time of libcurl's seconds since 1970.
  private static func instant(_ time: time_t) -> Instant {
    Instant(milliseconds: 0) + Span(milliseconds: 1000) * Int64(time)
  }

  private static func isLocal(_ url: String) -> Bool {
    ["://127.", "://localhost", "://[::1]"].contains { url.contains($0) }
  }
}
