// Lines of TCP services.
extension LogParser {
  /// Counts the tries of a TCP service; a try fails when the connection does not open.
  @inline(never)
  func connections(
    _ tries: Int, _ time: Int64, _ generation: Int?, _ status: Int, _ addresses: LogCursor,
    _ connects: LogCursor, _ firstBytes: LogCursor, _ tally: inout LogTally
  ) {
    var isFirst = true
    var (addresses, connects, firstBytes) = (addresses, connects, firstBytes)
    for index in 0..<tries {
      let address = addresses.item().bytes
      let connected = connects.item().time
      let firstByte = firstBytes.item().time
      // The relay logs the tries that it makes in lines of its own.
      if table.isRelay(address) { continue }
      guard let pool = table.index(address) else {
        tally.unattributed &+= 1
        continue
      }
      let failed = connected == nil
      let spent = latency == .response ? connected : firstByte
      if index == 0 {
        tally.compare(
          generation: generation, milliseconds: time, pool: pool, failed: failed, latency: spent,
          isDrawn: true)
      }
      let isHurt = isFirst && status >= 500
      isFirst = false
      tally.add(second: time / 1000, pool: pool) { counts in
        counts.count(failed: failed, milliseconds: spent)
        if isHurt { counts.hurt? += 1 }
      }
    }
  }
}
