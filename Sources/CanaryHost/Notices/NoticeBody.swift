internal import CanaryAdapters
internal import CanaryCore
internal import FoundationEssentials

/// One entry of the history, as each kind of receiver wants it.
struct NoticeBody {
  let link: ChainLink
  let facts: NoticeFacts
  let language: Language

  /// The entry in one line for people, in the receiver's language.
  var text: String {
    let line = language == .chinese ? chinese : english
    return Text.sanitized(line, limit: 1000)
  }

  private var english: String {
    let entry = link.entry
    let weight = entry.weight.map { " at \($0)%" } ?? ""
    let number = entry.rollout.map { " (rollout \($0))" } ?? ""
    let told = [entry.detail, entry.hint].compactMap(\.self).joined(separator: ". ")
    let detail = told.isEmpty ? "" : ": \(Text.sanitized(told, limit: 600))"
    let actor = entry.actor == .canary ? "" : " by \(entry.actor)"
    let about = [way, facts.harm?.english].compactMap(\.self).joined(separator: "; ")
    return
      "\(service)\(number): \(Self.words(entry.event))\(weight)\(actor)\(detail)"
      + (about.isEmpty ? "" : ". \(about)")
      + (facts.next.map { ". Next: \($0.english)" } ?? "")
  }

  private var chinese: String {
    let entry = link.entry
    let weight = entry.weight.map { " \($0)%" } ?? ""
    let number = entry.rollout.map { "（发布 \($0)）" } ?? ""
    let told = [entry.detail, entry.hint].compactMap(\.self).map { Chinese.of($0) }
      .joined(separator: "。")
    let detail = told.isEmpty ? "" : "：\(Text.sanitized(told, limit: 600))"
    let actor = entry.actor == .canary ? "" : "，操作者 \(entry.actor)"
    let about = [way, facts.harm?.chinese].compactMap(\.self).joined(separator: "；")
    return
      "\(service)\(number)：\(Self.chineseWords(entry.event))\(weight)\(actor)\(detail)"
      + (about.isEmpty ? "" : "。\(about)") + (facts.next.map { "。下一步：\($0.chinese)" } ?? "")
  }

  private var service: String { link.service?.text ?? ChainLink.noService }

  /// What moves from where to where; nil: the entry belongs to no rollout.
  private var way: String? {
    guard let from = facts.from, let to = facts.to else { return nil }
    let release = facts.release.map { "\(Text.sanitized($0, limit: 100)): " } ?? ""
    return "\(release)\(from) → \(to)"
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

  private static func chineseWords(_ event: HistoryEvent) -> String {
    switch event {
    case .scheduled: "已排期"
    case .cancelled: "排期已取消"
    case .missed: "错过了排期"
    case .started: "开始发布"
    case .stage: "进入阶段"
    case .held: "暂缓"
    case .awaitingApproval: "等待批准"
    case .approved: "已批准"
    case .rejected: "被驳回"
    case .paused: "已暂停"
    case .resumed: "已继续"
    case .advanced: "提前进入下一阶段"
    case .reverting: "正在回滚"
    case .reverted: "已回滚"
    case .promoted: "已发布"
    case .braked: "已刹车"
    case .hookFailed: "钩子失败"
    case .sourceError: "数据源没有应答"
    case .standingGuard: "守护检查"
    case .frozen: "已冻结"
    case .thawed: "已解冻"
    case .configured: "配置已更改"
    case .noticeFailed: "通知的接收方没有应答"
    case .verdict: "结论"
    case .preflight: "发布前检查"
    case .hook: "钩子"
    case .hookDropped: "放弃了钩子"
    case .apply: "写入 Nginx 配置"
    case .applyFailed: "写入 Nginx 配置失败"
    case .refused: "命令被拒绝"
    case .unknown: event.rawValue
    }
  }

  /// The entry and its facts as environment variables of a command; what is not known is left out.
  var environment: [String: String] {
    let entry = link.entry
    var table = [
      "CANARY_EVENT": event, "CANARY_ENTRY": "\(link.id)", "CANARY_TIME": entry.time.iso8601,
      "CANARY_SERVICE": service, "CANARY_ACTOR": entry.actor.description, "CANARY_TEXT": text,
    ]
    table["CANARY_ROLLOUT"] = entry.rollout.map { "\($0)" }
    table["CANARY_WEIGHT"] = entry.weight?.description
    table["CANARY_REASON"] = entry.detail
    table["CANARY_RELEASE"] = facts.release
    table["CANARY_FROM"] = facts.from?.text
    table["CANARY_TO"] = facts.to?.text
    table["CANARY_HARM"] = harm
    table["CANARY_NEXT"] = next
    return table.mapValues { Text.sanitized($0, limit: 2000) }
  }

  private var harm: String? { language == .chinese ? facts.harm?.chinese : facts.harm?.english }
  private var next: String? { language == .chinese ? facts.next?.chinese : facts.next?.english }

  /// The entry in full, as one line of JSON for programs.
  var json: String {
    let entry = link.entry
    return JSON.table([
      ("id", .int(Int(link.id))), ("time", .text(entry.time.iso8601)),
      ("service", .text(service)),
      ("event", .text(event)), ("rollout", JSON(entry.rollout)),
      ("weight", entry.weight.map { .number($0.percent) } ?? .null),
      ("actor", .text(entry.actor.description)), ("origin", JSON(entry.actor.origin)),
      ("detail", JSON(entry.detail)), ("hint", JSON(entry.hint)),
      ("release", JSON(facts.release)), ("from", JSON(facts.from?.text)),
      ("to", JSON(facts.to?.text)), ("harm", JSON(harm)), ("next", JSON(next)),
      ("text", .text(text)), ("hash", JSON(link.hash)),
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
    let subject = "[canary] \(service): \(event)"
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
