internal import CanaryCore

/// The windows that a report recommends, in a few words for a chat room or a mail.
struct WindowsAdvice: Sendable {
  private let stretches: [TrafficWeek.Stretch]
  private let zone: String
  private let days: Int

  init(_ report: WindowsReport) {
    stretches = Array(report.week.stretches.prefix(3))
    zone = report.zone.name
    days = report.week.days.count
  }

  func text(_ language: Language) -> String {
    let lines = stretches.map { stretch in
      "\(Weekdays.names[stretch.weekday]) \(from(stretch))–\(to(stretch))"
    }
    guard let first = stretches.first else {
      return language == .chinese
        ? "最近 \(days) 天没有低峰时段：没有一段 15 分钟低于日均的 10%（\(zone)）"
        : "no quiet window in \(Text.count(days, "day")) (\(zone)): no stretch of 15 minutes stays under 10 % of the day's mean"
    }
    let list = lines.joined(separator: ", ")
    let key =
      "windows: [{ days: \"\(Weekdays.names[first.weekday])\", from: \"\(from(first))\", to: \"\(to(first))\" }]"
    return language == .chinese
      ? "最近 \(days) 天的低峰时段（\(zone)）：\(list)。下一步：在服务的配置中写入 \(key)"
      : "quiet windows of \(Text.count(days, "day")) (\(zone)): \(list). Next: in the config of a service, \(key)"
  }

  private func from(_ stretch: TrafficWeek.Stretch) -> String {
    TrafficWeek.clock(stretch.start % 1440)
  }

  private func to(_ stretch: TrafficWeek.Stretch) -> String {
    TrafficWeek.clock((stretch.start + stretch.length) % 1440)
  }
}
