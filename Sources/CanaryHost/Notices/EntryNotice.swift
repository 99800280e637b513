internal import CanaryAdapters
internal import CanaryCore

/// One entry of the history with its facts, in a receiver's language.
struct EntryNotice {
  let link: ChainLink
  let facts: NoticeFacts
  let language: Language

  var body: NoticeBody {
    NoticeBody(
      event: event, service: service, delivery: "\(link.id)", text: text, json: json,
      environment: environment,
      footer: "entry \(link.id), \(link.entry.time.iso8601), \(link.hash ?? "no hash")")
  }

  /// The entry in one line for people, in the receiver's language.
  private var text: String {
    let line = language == .chinese ? chinese : english
    return Text.sanitized(line, limit: 1000)
  }

  private var english: String {
    let entry = link.entry
    let weight = entry.weight.map { " at \($0)%" } ?? ""
    let number = entry.rollout.map { " (rollout \($0))" } ?? ""
    let told = EntryReport.told(entry)
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

  private var event: String { link.entry.event.rawValue }

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
  private var environment: [String: String] {
    let entry = link.entry
    var table = [
      "CANARY_EVENT": Text.visible(event, limit: 63), "CANARY_ENTRY": "\(link.id)",
      "CANARY_TIME": entry.time.iso8601,
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
    return table
  }

  private var harm: String? { language == .chinese ? facts.harm?.chinese : facts.harm?.english }
  private var next: String? { language == .chinese ? facts.next?.chinese : facts.next?.english }

  /// The entry in full, as one line of JSON for programs.
  private var json: String {
    let entry = link.entry
    return JSON.table([
      ("id", .int(Int(link.id))), ("time", .text(entry.time.iso8601)),
      ("service", .text(service)),
      ("event", .text(Text.visible(event, limit: 63))), ("rollout", JSON(entry.rollout)),
      ("weight", entry.weight.map { .number($0.percent) } ?? .null),
      ("actor", .text(entry.actor.description)), ("origin", JSON(entry.actor.origin)),
      ("detail", JSON(entry.detail)), ("hint", JSON(entry.hint)),
      ("release", JSON(facts.release)), ("from", JSON(facts.from?.text)),
      ("to", JSON(facts.to?.text)), ("harm", JSON(harm)), ("next", JSON(next)),
      ("text", .text(text)), ("hash", JSON(link.hash)),
    ]).line
  }
}
