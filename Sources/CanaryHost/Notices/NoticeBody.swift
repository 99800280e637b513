internal import CanaryAdapters
internal import CanaryCore
internal import FoundationEssentials

/// One entry of the history, as each kind of receiver wants it.
struct NoticeBody {
  let link: ChainLink

  /// The entry in one line for people.
  var text: String {
    let entry = link.entry
    let weight = entry.weight.map { " at \($0)%" } ?? ""
    let number = entry.rollout.map { " (rollout \($0))" } ?? ""
    let told = [entry.detail, entry.hint].compactMap(\.self).joined(separator: ". ")
    let detail = told.isEmpty ? "" : ": \(Text.sanitized(told, limit: 600))"
    let actor = entry.actor == .canary ? "" : " by \(entry.actor)"
    return Text.sanitized(
      "\(link.service?.text ?? ChainLink.noService)\(number): \(Self.words(entry.event))\(weight)\(actor)\(detail)",
      limit: 1000)
  }

  /// The event as a header of HTTP and mail may have it.
  var event: String { Text.visible(link.entry.event.rawValue, limit: 63) }

  private static func words(_ event: HistoryEvent) -> String {
    switch event {
    case .awaitingApproval: "waits for an approval"
    case .reverting: "REVERTING"
    case .reverted: "REVERTED"
    case .braked: "BRAKE ON"
    case .promoted: "PROMOTED"
    case .sourceError: "a source does not answer"
    case .hookFailed: "a hook failed"
    case .noticeFailed: "a receiver of notices does not answer"
    default: event.rawValue
    }
  }

  /// The entry in full, as one line of JSON for programs.
  var json: String {
    let entry = link.entry
    return JSON.table([
      ("id", .int(Int(link.id))), ("time", .text(entry.time.iso8601)),
      ("service", .text(link.service?.text ?? ChainLink.noService)),
      ("event", .text(event)), ("rollout", JSON(entry.rollout)),
      ("weight", entry.weight.map { .number($0.percent) } ?? .null),
      ("actor", .text(entry.actor.description)), ("origin", JSON(entry.actor.origin)),
      ("detail", JSON(entry.detail)), ("hint", JSON(entry.hint)), ("text", .text(text)),
      ("hash", JSON(link.hash)),
    ]).line
  }

  /// The address and the body to post to a receiver.
  ///
  /// With `secret`, DingTalk and Feishu get a signature over time and secret, as their guides for
  /// custom robots describe it. A webhook's signature is a header, which the caller adds.
  func post(_ kind: Receiver.Kind, url: String, secret: String?, now: Instant) -> (String, String) {
    let quoted = JSONText.quoted(ChatText.plain(text))
    switch kind {
    case .slack:
      let quoted = JSONText.quoted(ChatText.slack(text))
      return (url, "{\"text\":\(quoted),\"mrkdwn\":false,\"link_names\":false}")
    case .wecom: return (url, "{\"msgtype\":\"text\",\"text\":{\"content\":\(quoted)}}")
    case .dingtalk:
      let body = "{\"msgtype\":\"text\",\"text\":{\"content\":\(quoted)}}"
      guard let secret else { return (url, body) }
      let sign = Self.base64(Digest.hmac("\(now.milliseconds)\n\(secret)", key: secret))
      let escaped = sign.replacing("+", with: "%2B").replacing("/", with: "%2F").replacing(
        "=", with: "%3D")
      let mark = url.contains("?") ? "&" : "?"
      return ("\(url)\(mark)timestamp=\(now.milliseconds)&sign=\(escaped)", body)
    case .feishu:
      var body = "\"msg_type\":\"text\",\"content\":{\"text\":\(quoted)}"
      if let secret {
        let sign = Self.base64(Digest.hmac("", key: "\(now.second)\n\(secret)"))
        body = "\"timestamp\":\"\(now.second)\",\"sign\":\"\(sign)\"," + body
      }
      return (url, "{\(body)}")
    case .webhook, .mail, .command: return (url, json)
    }
  }

  /// Why the receiver refused the notice; nil when it accepted it.
  ///
  /// Robots answer 200 even to a refused one, and name the fault in the body.
  static func fault(_ kind: Receiver.Kind, _ answer: HTTPAnswer, _ secrets: Secrets) -> String? {
    guard (200...299).contains(answer.status) else {
      return EndpointClient.refusal(answer, secrets)
    }
    switch kind {
    case .wecom, .dingtalk, .feishu:
      guard case .table(let table)? = JSONAnswer.parse(answer.body),
        let code = table["errcode"] ?? table["code"] ?? table["StatusCode"]
      else { return "answered without a code: \(secrets.excerpt(answer.body))" }
      return code == .number(0) ? nil : "refused it: \(secrets.excerpt(answer.body))"
    case .webhook, .slack, .mail, .command: return nil
    }
  }

  /// The notice as a mail with header, for `sendmail -t`.
  ///
  /// No line of a mail may have more than 998 bytes: a text with a longer one is encoded.
  func mail(to: [String], from: String?) -> String {
    let subject =
      "[canary] \(link.service?.text ?? ChainLink.noService): \(event)"
    let body = """
      \(text)

      entry \(link.id), \(link.entry.time.iso8601), \(link.hash ?? "no hash")

      """
    let isLong = body.split(separator: "\n").contains { $0.utf8.count > Self.longestLine }
    let receivers = to.joined(separator: ", ")
    return """
      To: \(receivers.utf8.count > Self.longestLine ? to.joined(separator: ",\n ") : receivers)
      \(from.map { "From: \($0)\n" } ?? "")Subject: \(subject)
      X-Canary-Delivery: \(link.id)
      MIME-Version: 1.0
      Content-Type: text/plain; charset=utf-8
      Content-Transfer-Encoding: \(isLong ? "base64" : "8bit")

      \(isLong ? Self.wrapped(Self.base64(Array(body.utf8))) : body)
      """
  }

  /// Less than half of what a line may have: mail servers on the way add to it (DKIM, `From ` marks).
  private static let longestLine = 400

  /// A text of ASCII in lines of 76 characters, each with its end.
  private static func wrapped(_ text: String) -> String {
    let bytes = Array(text.utf8)
    return stride(from: 0, to: bytes.count, by: 76).reduce(into: "") { lines, start in
      lines += String(decoding: bytes[start..<min(start + 76, bytes.count)], as: UTF8.self) + "\n"
    }
  }

  static func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
}
