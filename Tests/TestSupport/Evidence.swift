internal import CanaryAdapters
package import CanaryCore
internal import Glibc

extension Sandbox {
  /// What the access log says: tries by generation and port of the server.
  package func tries() throws -> [Int: [Int: Int]] {
    var found: [Int: [Int: Int]] = [:]
    let text = try Files.read("\(folder)/logs/canary-chat.log", limit: 1 << 30) ?? ""
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: "\t")
      guard fields.count >= 9, let generation = Int(fields[2]) else { continue }
      for address in fields[5].split(separator: ",") {
        guard let port = address.split(separator: ":").last.flatMap({ Int($0) }) else { continue }
        found[generation, default: [:]][port, default: 0] += 1
      }
    }
    return found
  }

  /// The events of the newest rollout, in order, as `history --json` tells them.
  package func events() throws -> [String] {
    let text = try canary("history", "chat", "--json", "--limit", "1").text
    return text.split(separator: "\n").compactMap { line in
      let line = line.drop { $0 == " " }
      guard line.hasPrefix("\"event\": \"") else { return nil }
      return String(line.dropFirst(10).prefix { $0 != "\"" })
    }
  }

  /// When the stages of the newest rollout began, in order.
  package func stageTimes() throws -> [Instant] {
    let text = try canary("history", "chat", "--json", "--limit", "1").text
    var times: [Instant] = []
    var last = ""
    for line in text.split(separator: "\n") {
      let line = line.drop { $0 == " " }
      if line.hasPrefix("\"time\": \"") { last = String(line.dropFirst(9).prefix { $0 != "\"" }) }
      if line.hasPrefix("\"event\": \"stage\"") {
        times.append(try TimeText.parse(last, zone: .utc, now: SystemClock.now))
      }
    }
    return times
  }

  /// The generation that the generated file names; 0 when there is none.
  package func generationOnDisk() throws -> Int {
    try Files.read("\(folder)/canary/chat.conf").flatMap(GeneratedHeader.init)?.generation.number
      ?? 0
  }

  package var brakeFile: String { "\(folder)/run/chat.brake" }
  package var isBraked: Bool { Files.exists(brakeFile) }

  /// When the brake was put on, however much later the test comes to look.
  package func braked() throws -> Instant {
    var facts = stat()
    guard stat(brakeFile, &facts) == 0 else { throw SandboxError("there is no brake") }
    return Instant(
      milliseconds: Int64(facts.st_mtim.tv_sec) * 1000 + Int64(facts.st_mtim.tv_nsec) / 1_000_000)
  }

  /// One field of `status --json`, as it is printed.
  package func field(_ name: String) throws -> String {
    let line = try status().split(separator: "\n").first {
      $0.drop { $0 == " " }.hasPrefix("\"\(name)\":")
    }
    guard let line, let colon = line.firstRange(of: ": ") else { return "" }
    return line[colon.upperBound...].filter { $0 != "\"" && $0 != "," }
  }

  /// How often the Nginx in front was told to reload.
  package var reloads: Int {
    get throws {
      let log = try Files.read("\(folder)/error.log") ?? ""
      return log.split(separator: "\n").count { $0.contains("signal 1 (SIGHUP) received") }
    }
  }

  /// Waits until the rollout soaks in the stage with that index.
  ///
  /// A stage that Nginx is being asked for has the word and the index already, and no time of its own.
  package func waitForStage(_ index: Int, of service: String = "chat") throws {
    let still = /"elapsed_seconds": 0(\.0)?\s/
    try wait("stage \(index)") {
      let status = try canary("status", service, "--json").text
      return status.contains("\"phase\": \"soaking\"") && status.contains("\"index\": \(index),")
        && status.firstMatch(of: still) == nil
    }
  }
}
