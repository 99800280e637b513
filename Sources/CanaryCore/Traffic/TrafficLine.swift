/// Reads time, status and duration from lines of access logs: Nginx's `combined` and canary's own
/// formats.
package struct TrafficParser {
  package struct Line: Hashable, Sendable {
    /// Minutes since 1970 (UTC).
    package var minute: Int
    package var status: Int
    /// The duration of the request; nil: the format has none.
    package var milliseconds: Int?
  }

  /// The last date that was read, and its minute in `knownMinute`: most lines repeat the date of
  /// the line before.
  private var known: [UInt8] = []
  private var knownMinute = 0
  /// The offsets from UTC in the dates read so far, in minutes.
  package private(set) var offsets: Set<Int> = []

  /// The minutes that a log of traffic can be of; every other one is a slip of whoever wrote it.
  private let range: ClosedRange<Int>

  /// A line that was written later than a day after `now` has no known format.
  ///
  /// A log far apart from all others would stretch every table of minutes to that length.
  package init(now: Instant) {
    let first = 2 * 1440
    range = first...max(first, Int(now.second / 60) + 1440)
  }

  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ].map { Array($0.utf8) }

  /// Reads one line, without its newline; nil: it has no known format.
  package mutating func parse(_ line: UnsafeRawBufferPointer) -> Line? {
    let read = line.starts(with: [99, 97, 110, 97, 114, 121]) ? own(line) : combined(line)
    return read.flatMap { range.contains($0.minute) ? $0 : nil }
  }

  // canary1 ⇥ $msec ⇥ generation ⇥ $status ⇥ $request_time ⇥ …
  private func own(_ line: UnsafeRawBufferPointer) -> Line? {
    let fields = line.split(separator: 9, maxSplits: 5, omittingEmptySubsequences: false)
    guard fields.count >= 5, let seconds = Self.number(fields[1].prefix { $0 != 46 }),
      let status = Self.number(fields[3])
    else { return nil }
    let milliseconds = Double(String(decoding: fields[4], as: UTF8.self)).map {
      Int(saturating: $0 * 1000)
    }
    return Line(minute: seconds / 60, status: status, milliseconds: milliseconds)
  }

  // … [21/Nov/2026:03:20:00 +0800] "GET / HTTP/1.1" 200 …
  private mutating func combined(_ line: UnsafeRawBufferPointer) -> Line? {
    guard let open = line.firstIndex(of: 91), line.count >= open + 30, line[open + 27] == 93 else {
      return nil
    }
    guard let minute = minute(line, open + 1) else { return nil }
    // The request is the first quoted text; Nginx writes a quote within it as \x22.
    guard let quote = line[(open + 28)...].firstIndex(of: 34),
      let end = line[(quote + 1)...].firstIndex(of: 34), line.count >= end + 5,
      let status = Self.number(line[(end + 2)..<(end + 5)])
    else { return nil }
    return Line(minute: minute, status: status, milliseconds: nil)
  }

  private mutating func minute(_ line: UnsafeRawBufferPointer, _ start: Int) -> Int? {
    // Compares the date up to the minute, and the offset; the seconds do not matter.
    if known.count == 22, line[start..<start + 17].elementsEqual(known[..<17]),
      line[(start + 21)..<(start + 26)].elementsEqual(known[17...])
    {
      return knownMinute
    }
    let two = { (at: Int) in Self.number(line[(start + at)..<(start + at + 2)]) }
    let name = Array(line[(start + 3)..<(start + 6)])
    guard let day = two(0), let month = Self.months.firstIndex(of: name),
      let year = Self.number(line[(start + 7)..<(start + 11)]), let hour = two(12),
      let minute = two(15), hour < 24, minute < 60,
      let civil = CivilDay(year: year, month: month + 1, day: day), let hours = two(22),
      let minutes = two(24), [43, 45].contains(line[start + 21])
    else { return nil }
    let offset = (line[start + 21] == 45 ? -1 : 1) * (hours * 60 + minutes)
    offsets.insert(offset)
    knownMinute = civil.number * 1440 + hour * 60 + minute - offset
    known = Array(line[start..<start + 17]) + Array(line[(start + 21)..<(start + 26)])
    return knownMinute
  }

  private static func number(_ bytes: some Sequence<UInt8>) -> Int? {
    var value = 0
    var count = 0
    for byte in bytes {
      guard (48...57).contains(byte), count < 12 else { return nil }
      value = value * 10 + Int(byte - 48)
      count += 1
    }
    return count == 0 ? nil : value
  }
}
