/// A set of weekdays, read from a text such as `"tue,thu"` or `"mon-fri"`.
package struct Weekdays: Hashable, Sendable {
  package static let names = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
  package static let rule =
    "must be days such as \"tue,thu\" or \"mon-fri\" (sun, mon, tue, wed, thu, fri, sat)"

  private var bits = 0

  package init?(parsing text: String) {
    for part in text.lowercased().split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map {
        Self.names.firstIndex(of: String($0).spaceless)
      }
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1]
      else { return nil }
      // The modulus lets `fri-mon` cross the end of the week.
      for step in 0...((last - first + 7) % 7) { bits |= 1 << ((first + step) % 7) }
    }
  }

  /// 0 is Sunday.
  package func contains(_ day: Int) -> Bool { bits & (1 << day) != 0 }
}

/// A set of dates, read from a text such as `"28..last"`, `"12-24..12-26"` or `"2026-11-11"`.
package struct Dates: Hashable, Sendable {
  package static let rule =
    "must be dates such as \"1\", \"last\", \"last-2..last\", \"12-24..12-26\" or \"2026-11-11\""

  enum Item: Hashable, Sendable {
    case day(Int)
    /// The number of days before the last day of the month.
    case last(Int)
    case date(month: Int, day: Int)
    /// Days since 1970-01-01.
    case exact(Int)

    init?(_ text: String) {
      let parts = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
      let numbers = parts.map { $0.utf8.allSatisfy { (48...57).contains($0) } ? Int($0) : nil }
      switch (parts.count, parts.first) {
      case (1, "last"): self = .last(0)
      case (2, "last"):
        guard let back = numbers[1], (1...27).contains(back) else { return nil }
        self = .last(back)
      case (1, _):
        guard let day = numbers[0], (1...31).contains(day) else { return nil }
        self = .day(day)
      case (2, _):
        // 2024 is a leap year, so that February 29 is accepted.
        guard let month = numbers[0], let day = numbers[1],
          CivilDay(year: 2024, month: month, day: day) != nil
        else { return nil }
        self = .date(month: month, day: day)
      case (3, _):
        guard let year = numbers[0], (1970...9999).contains(year), let month = numbers[1],
          let day = numbers[2], let found = CivilDay(year: year, month: month, day: day)
        else { return nil }
        self = .exact(found.number)
      default: return nil
      }
    }

    /// A number to compare with `place(of:)`: the item's position in the month or year of `day`, or
    /// since 1970.
    func place(in day: CivilDay) -> Int {
      switch self {
      case .day(let number): number
      case .last(let back): day.lengthOfMonth - back
      case .date(let month, let day): month * 100 + day
      case .exact(let number): number
      }
    }

    /// The position of a day on the scale of this item.
    func place(of day: CivilDay) -> Int {
      switch self {
      case .day, .last: day.day
      case .date: day.month * 100 + day.day
      case .exact: day.number
      }
    }

    /// The scale of `place`; both ends of a range must have the same.
    var kind: Int {
      switch self {
      case .day, .last: 0
      case .date: 1
      case .exact: 2
      }
    }
  }

  private var ranges: [[Item]] = []

  package init?(parsing text: String) {
    for part in text.lowercased().split(separator: ",", omittingEmptySubsequences: false) {
      let trimmed = String(part).spaceless
      let ends: [String]
      if let dots = trimmed.firstRange(of: "..") {
        ends = [
          String(trimmed[..<dots.lowerBound]).spaceless,
          String(trimmed[dots.upperBound...]).spaceless,
        ]
      } else {
        ends = [trimmed]
      }
      let items = ends.compactMap(Item.init)
      guard items.count == ends.count, items[0].kind == items[items.count - 1].kind else {
        return nil
      }
      if case .exact(let first) = items[0], case .exact(let last) = items[items.count - 1],
        last < first
      {
        return nil
      }
      ranges.append(items)
    }
  }

  package func contains(_ day: CivilDay) -> Bool {
    ranges.contains { items in
      let (first, last) = (items[0], items[items.count - 1])
      let (low, high) = (first.place(in: day), last.place(in: day))
      let place = first.place(of: day)
      // `12-24..01-02` crosses the end of the year.
      if low > high, first.kind == 1 { return place >= low || place <= high }
      return (low...max(low, high)).contains(place) && low <= high
    }
  }
}
