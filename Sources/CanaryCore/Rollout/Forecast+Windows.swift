extension Forecast {
  /// What you should know of a plan that its windows stretch: how long it takes by them, and what
  /// would make it shorter; nil: they add two days at most.
  ///
  /// A window of an hour holds one soak of half an hour, and the next stage waits for the next one.
  package static func stretched(
    _ plan: Plan, by calendar: Calendar, zone: Zone, from start: Instant
  ) -> String? {
    guard !calendar.windows.isEmpty else { return nil }
    let forecast = Forecast(plan, calendar: calendar, from: start)
    let soaks = plan.stages.reduce(Span.zero) { $0 + $1.soak }
    guard let promoted = forecast.promoted else {
      return
        "no window opens for stage \(forecast.steps.count + 1) of \(plan.stages.count): give the service windows that come back"
    }
    guard let first = forecast.steps.first, promoted - first.begins > soaks + .hours(48) else {
      return nil
    }
    let waits = forecast.steps.dropFirst().count(where: \.waits)
    let takes = "by its windows this plan takes \((promoted - first.begins).words)"
    return
      "\(takes), until \(zone.text(promoted)), though its soaks take \(soaks.words): \(Text.count(waits, "stage")) must wait for another window; what helps: windows that hold several stages, shorter soaks, or fewer stages"
  }
}
