internal import CanaryAdapters
internal import CanaryCore
internal import FoundationEssentials

/// What is told, as each kind of receiver wants it.
struct NoticeBody {
  /// What happened, as a header of HTTP and mail may have it.
  let event: String
  let service: String
  /// What tells this notice from every other, also when it is sent once more.
  let delivery: String
  /// One line for people.
  let text: String
  /// The same in full, one line for programs.
  var json: String
  /// The same for a command.
  let environment: [String: String]
  /// The last line of a mail.
  let footer: String

  init(
    event: String, service: String, delivery: String, text: String, json: String,
    environment: [String: String], footer: String
  ) {
    self.event = Text.visible(event, limit: 63)
    self.service = service
    self.delivery = delivery
    self.text = text
    self.json = json
    self.environment = environment.mapValues { Text.sanitized($0, limit: 2000) }
    self.footer = footer
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
    case .otlp:
      let base = url.hasSuffix("/") ? String(url.dropLast()) : url
      return (base.hasSuffix("/v1/traces") ? base : "\(base)/v1/traces", json)
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
    case .webhook, .slack, .otlp, .mail, .command: return nil
    }
  }

  /// The notice as a mail with header, for `sendmail -t`.
  ///
  /// No line of a mail may have more than 998 bytes: a text with a longer one is encoded.
  func mail(to: [String], from: String?) -> String {
    let subject = "[canary] \(service): \(event)"
    let body = """
      \(text)

      \(footer)

      """
    let isLong = body.split(separator: "\n").contains { $0.utf8.count > Self.longestLine }
    let receivers = to.joined(separator: ", ")
    return """
      To: \(receivers.utf8.count > Self.longestLine ? to.joined(separator: ",\n ") : receivers)
      \(from.map { "From: \($0)\n" } ?? "")Subject: \(subject)
      X-Canary-Delivery: \(delivery)
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
