internal import CanaryCore
internal import FoundationEssentials

/// One entry of the history in the words of a receiver.
struct NoticeBody {
  let link: Chain.Link

  /// One line for people.
  var text: String {
    let entry = link.entry
    let weight = entry.weight.map { " at \($0)%" } ?? ""
    let number = entry.rollout > 0 ? " (rollout \(entry.rollout))" : ""
    let detail = entry.detail.map { ": \(Text.shown($0, limit: 600))" } ?? ""
    let actor = entry.actor == .canary ? "" : " by \(entry.actor)"
    return "\(link.service)\(number): \(Self.words(entry.event))\(weight)\(actor)\(detail)"
  }

  private static func words(_ event: String) -> String {
    switch event {
    case "awaiting_approval": "waits for an approval"
    case "reverting": "REVERTING"
    case "reverted": "REVERTED"
    case "promoted": "PROMOTED"
    case "source_error": "a source does not answer"
    case "hook_failed": "a hook failed"
    case "notice_failed": "a receiver of notices does not answer"
    default: event
    }
  }

  /// All of it, for programs.
  var json: String {
    let entry = link.entry
    var pairs: [(String, String)] = [
      ("id", "\(link.id)"), ("time", JSONText.quoted(entry.time.iso8601)),
      ("service", JSONText.quoted(link.service)), ("event", JSONText.quoted(entry.event)),
      ("rollout", entry.rollout > 0 ? "\(entry.rollout)" : "null"),
      ("weight", entry.weight.map { "\($0)" } ?? "null"),
      ("actor", JSONText.quoted(entry.actor.description)),
    ]
    pairs.append(("origin", entry.actor.origin.map(JSONText.quoted) ?? "null"))
    pairs.append(("detail", entry.detail.map(JSONText.quoted) ?? "null"))
    pairs.append(("text", JSONText.quoted(text)))
    pairs.append(("hash", link.hash.map(JSONText.quoted) ?? "null"))
    return "{\(pairs.map { "\(JSONText.quoted($0.0)):\($0.1)" }.joined(separator: ","))}"
  }

  /// What is posted to a receiver: to which address and with which body.
  ///
  /// Signatures: DingTalk and Feishu as their guides for custom robots describe them, over the time and the secret.
  func post(_ kind: Receiver.Kind, url: String, secret: String?, now: Instant) -> (String, String) {
    let quoted = JSONText.quoted(text)
    switch kind {
    case .slack: return (url, "{\"text\":\(quoted)}")
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

  /// Whether a receiver took it: robots answer 200 and say in the body what was wrong.
  static func fault(_ kind: Receiver.Kind, _ answer: HTTPAnswer) -> String? {
    guard (200...299).contains(answer.status) else { return Asking.refusal(answer) }
    switch kind {
    case .wecom, .dingtalk, .feishu:
      guard case .table(let table)? = ConfigFile.json(answer.body),
        let code = table["errcode"] ?? table["code"] ?? table["StatusCode"]
      else { return "answered without a code: \(Asking.excerpt(answer.body))" }
      return code == .number(0) ? nil : "refused it: \(Asking.excerpt(answer.body))"
    case .webhook, .slack, .mail, .command: return nil
    }
  }

  /// A mail with its header, for `sendmail -t`.
  func mail(to: [String], from: String?) -> String {
    let subject = "[canary] \(link.service): \(link.entry.event)"
    return """
      To: \(to.joined(separator: ", "))
      \(from.map { "From: \($0)\n" } ?? "")Subject: \(subject)
      X-Canary-Delivery: \(link.id)
      MIME-Version: 1.0
      Content-Type: text/plain; charset=utf-8
      Content-Transfer-Encoding: 8bit

      \(text)

      entry \(link.id), \(link.entry.time.iso8601), \(link.hash ?? "no hash")

      """
  }

  static func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
}
