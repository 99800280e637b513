internal import CCurl
package import CanaryCore
internal import Glibc

/// An answer of an HTTP server.
package struct HTTPAnswer: Hashable, Sendable {
  package var status: Int
  package var body: String
}

/// Why there is no answer.
package struct HTTPError: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String
  /// Nobody listens at all: the connection was refused, or the socket is not there.
  package let isRefused: Bool
}

/// HTTP by libcurl, with a hard deadline and a bounded answer; blocks its thread.
package final class HTTPClient {
  private let handle: UnsafeMutableRawPointer?
  private static let ready: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  package init() { handle = Self.ready ? curl_easy_init() : nil }
  deinit { if let handle { curl_easy_cleanup(handle) } }

  private final class Body {
    var bytes: [UInt8] = []
    let limit: Int
    init(limit: Int) { self.limit = limit }
  }

  /// GET with a connection of its own; redirects are not followed.
  package func get(
    _ url: String, unixSocket: String? = nil, limit: Span, bodyLimit: Int = 64 << 10
  ) throws(HTTPError) -> HTTPAnswer {
    guard let handle else {
      throw HTTPError(description: "libcurl cannot be started", isRefused: false)
    }
    curl_easy_reset(handle)
    let body = Body(limit: bodyLimit)
    let context = Unmanaged.passRetained(body)
    defer { context.release() }
    _ = canary_curl_set_text(handle, CURLOPT_URL, url)
    _ = canary_curl_set_text(handle, CURLOPT_USERAGENT, "canary")
    _ = canary_curl_set_http_only(handle)
    // A proxy named in the environment is for the outside, never for a server of a pool.
    _ = canary_curl_set_text(handle, CURLOPT_PROXY, "")
    _ = canary_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
    _ = canary_curl_set_long(handle, CURLOPT_TIMEOUT_MS, Int(max(1, limit.milliseconds)))
    _ = canary_curl_set_long(handle, CURLOPT_FRESH_CONNECT, 1)
    _ = canary_curl_set_long(handle, CURLOPT_FORBID_REUSE, 1)
    if let unixSocket { _ = canary_curl_set_text(handle, CURLOPT_UNIX_SOCKET_PATH, unixSocket) }
    _ = canary_curl_set_pointer(handle, CURLOPT_WRITEDATA, context.toOpaque())
    _ = canary_curl_set_writer(handle) { data, size, count, context in
      guard let data, let context else { return 0 }
      let body = Unmanaged<Body>.fromOpaque(context).takeUnretainedValue()
      let length = size * count
      guard body.bytes.count + length <= body.limit else { return 0 }
      data.withMemoryRebound(to: UInt8.self, capacity: length) {
        body.bytes.append(contentsOf: UnsafeBufferPointer(start: $0, count: length))
      }
      return length
    }
    let code = curl_easy_perform(handle)
    var status = 0
    _ = canary_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
    // A body that is longer than we care to read ends the transfer, but its status counts.
    guard code == CURLE_OK || (code == CURLE_WRITE_ERROR && status > 0) else {
      let isLate = code == CURLE_OPERATION_TIMEDOUT
      let text = isLate ? "no answer within \(limit)" : String(cString: curl_easy_strerror(code))
      throw HTTPError(description: text, isRefused: code == CURLE_COULDNT_CONNECT)
    }
    return HTTPAnswer(status: status, body: String(decoding: body.bytes, as: UTF8.self))
  }
}
