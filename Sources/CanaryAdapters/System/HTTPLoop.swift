internal import CCurl
internal import CanaryCore
internal import Dispatch
internal import Synchronization

/// Sends any number of requests at once on one thread, by libcurl's multi interface: a slow server
/// delays no other.
package final class HTTPLoop: Sendable {
  package static let shared = HTTPLoop()

  private struct Pending: Sendable {
    let question: HTTPRequest
    let answer: @Sendable (Result<HTTPAnswer, HTTPError>) -> Void
  }

  /// Used by the loop's own thread only; `curl_multi_wakeup` alone may be called from any.
  private nonisolated(unsafe) let multi: UnsafeMutableRawPointer?
  private let pending = Mutex<[Pending]>([])
  /// How long the loop sleeps while nothing happens.
  ///
  /// Not for long where nobody can wake it: no descriptor was left for that when it began.
  private let rest: Int32

  private init() {
    multi = curl_multi_init()
    rest = multi.map { curl_multi_wakeup($0) == CURLM_OK } ?? false ? 60_000 : 20
    guard let multi else { return }
    // More connections at once would load a server rather than measure it; further requests wait.
    _ = canary_curl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, 256)
    _ = canary_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, 64)
    DispatchQueue(label: "canary.http").async { self.run() }
  }

  /// The answer, or why there is none, within the request's limit.
  package func send(_ question: HTTPRequest) async -> Result<HTTPAnswer, HTTPError> {
    guard let multi else { return .failure(Self.unstarted) }
    return await withCheckedContinuation { continuation in
      pending.withLock {
        $0.append(Pending(question: question) { continuation.resume(returning: $0) })
      }
      // A question that nobody hears of would wait for the loop's next look.
      var tries = 3
      while curl_multi_wakeup(multi) != CURLM_OK, tries > 0 { tries -= 1 }
    }
  }

  private static let unstarted = HTTPError(
    description: "libcurl cannot be started", isRefused: false)

  private func run() {
    guard let multi else { return }
    var going: [UnsafeMutableRawPointer: (HTTPTransfer, Pending)] = [:]
    while true {
      let new = pending.withLock { list in
        defer { list = [] }
        return list
      }
      for one in new {
        guard let transfer = HTTPTransfer(one.question),
          curl_multi_add_handle(multi, transfer.handle) == CURLM_OK
        else {
          one.answer(.failure(Self.unstarted))
          continue
        }
        going[transfer.handle] = (transfer, one)
      }
      var running: Int32 = 0
      curl_multi_perform(multi, &running)
      var code = CURLE_OK
      while let handle = canary_curl_multi_done(multi, &code) {
        curl_multi_remove_handle(multi, handle)
        guard let (transfer, one) = going.removeValue(forKey: handle) else { continue }
        one.answer(transfer.finish(code))
      }
      // Sleeps until something happens; `send` wakes it.
      curl_multi_poll(multi, nil, 0, rest, nil)
    }
  }
}
