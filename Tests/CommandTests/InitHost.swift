import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// A running Nginx with files of its own, in front of a stand-in that is stable.
final class InitHost {
  let sandbox: Sandbox
  let blue: StandIn
  private var nginx: Child?
  var etc: String { "\(sandbox.folder)/etc" }
  var main: String { "\(etc)/nginx.conf" }

  init() throws {
    sandbox = try Sandbox()
    blue = sandbox.standIn("blue", port: sandbox.bluePorts[0])
    try Files.makeFolder("\(sandbox.folder)/etc")
  }

  func close() {
    nginx?.stop()
    sandbox.close()
  }

  /// The head of every main file: what keeps it in the sandbox.
  var head: String {
    let folder = sandbox.folder
    return """
      daemon off; pid \(folder)/nginx.pid; error_log \(folder)/error.log; worker_shutdown_timeout 5s;
      events { worker_connections 512; }
      """
  }

  var temporary: String {
    let folder = sandbox.folder
    return """
      client_body_temp_path \(folder)/body; proxy_temp_path \(folder)/proxy;
      fastcgi_temp_path \(folder)/f; uwsgi_temp_path \(folder)/u; scgi_temp_path \(folder)/s;
      """
  }

  func write(_ files: [String: String]) throws {
    for (name, text) in files {
      let path = "\(etc)/\(name)"
      try Files.makeFolder(Files.folder(of: path))
      try Files.replace(path, with: text)
    }
    try startNginx()
  }

  func startNginx() throws {
    nginx = try Child(["nginx", "-c", main])
    try sandbox.wait("nginx") { Files.size(of: "\(sandbox.folder)/nginx.pid") ?? 0 > 0 }
  }

  /// A new Nginx with nothing of the former in its memory.
  func restartNginx() throws {
    nginx?.stop()
    try? Files.remove("\(sandbox.folder)/nginx.pid")
    try startNginx()
  }

  /// The program with the sandbox's places.
  func begin(_ words: String...) throws -> (code: Int32, text: String) {
    try begin(words: words)
  }

  func begin(words: [String]) throws -> (code: Int32, text: String) {
    let folder = sandbox.folder
    return try sandbox.canary(
      ["init"] + words + [
        "--nginx", main, "--new", "127.0.0.1:\(sandbox.greenPorts[0])", "--state",
        "\(folder)/state", "--run", "\(folder)/run", "--logs", "\(folder)/logs",
      ])
  }

  /// Step 1: the include in `http {}`.
  func addInclude(_ steps: [String]) throws {
    let index = try #require(steps.firstIndex { $0.hasPrefix("1. Inside http {} of ") })
    let words = steps[index].split(separator: " ")
    let file = String(words[5].dropLast())
    let number = try #require(Int(words[8].dropLast()))
    try edit(file) { $0[number - 1] += "\n" + steps[index + 1] }
  }

  /// Step 3: the include in the location, and the lines that leave and come for it.
  func replaceProxy(_ steps: [String]) throws {
    let index = try #require(steps.firstIndex { $0.hasPrefix("3. In ") })
    let rest = steps[(index + 1)...].prefix { !$0.hasPrefix("4. ") }
    func lines(below start: String) -> [String] {
      let from = rest.drop { !$0.hasPrefix(start) }.dropFirst()
      return from.prefix { $0.hasPrefix("     ") }.map { String($0.dropFirst(5)) }
    }
    let taken =
      lines(below: "   Take this line out:")
      + lines(below: "   and take these lines out, which Nginx would not take beside ours")
    let added = lines(below: "   and write in its place:")
    // From below, so that no line moves before its turn.
    let places = try taken.enumerated().map { number, line in
      let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
      let (file, at) = try place(String(parts[0].dropLast()))
      return (number: number, file: file, at: at, said: parts[1])
    }
    for (number, file, at, said) in places.sorted(by: { $0.at > $1.at }) {
      let kept = said.split(separator: " but keep what else it says: ", maxSplits: 1)
      let new = number == 0 ? added.joined(separator: "\n") : kept.count == 2 ? String(kept[1]) : ""
      let begin = said.prefix { $0 != " " && $0 != ";" }
      try edit(file) { lines in
        let from = try #require(lines[at - 1].firstRange(of: begin), "\(said)")
        let end = try #require(lines[at - 1][from.upperBound...].firstIndex(of: ";"))
        lines[at - 1].replaceSubrange(from.lowerBound...end, with: new)
      }
    }
    let (file, at) = try place(
      String(try #require(steps[index].split(separator: " ").last).dropLast()))
    try add([rest[index + 1]], to: file, at)
    let evidence = rest.firstIndex { $0.contains(" In the server {}, right after the { of ") }
    guard let evidence else { return }
    let end = rest[evidence].split(separator: ",").dropLast().last?.split(separator: " ").last
    let (serverFile, opening) = try place(String(try #require(end)))
    // The server opens above its locations, whose lines have not moved by this.
    let lines = rest[(evidence + 1)...].prefix { $0.hasPrefix("     ") }
    try add(Array(lines), to: serverFile, opening)
  }

  /// Adds lines right after the brace in a line.
  private func add(_ new: [String], to file: String, _ at: Int) throws {
    try edit(file) { lines in
      let brace = try #require(
        lines[at - 1].firstRange(of: " {")?.upperBound
          ?? lines[at - 1].firstRange(of: "{")?.upperBound, "\(lines[at - 1])")
      lines[at - 1].insert(contentsOf: "\n" + new.joined(separator: "\n") + "\n", at: brace)
    }
  }

  private func edit(_ file: String, _ change: (inout [String]) throws -> Void) throws {
    let text = try #require(try Files.read(file))
    // By bytes: Swift takes CR LF for one character, which is no LF.
    var lines = text.utf8.split(separator: 10, omittingEmptySubsequences: false).map {
      String(decoding: Array($0), as: UTF8.self)
    }
    try change(&lines)
    try Files.replace(file, with: lines.joined(separator: "\n"))
  }

  private func place(_ text: String) throws -> (String, Int) {
    let mark = try #require(text.lastIndex(of: ":"))
    return (String(text[..<mark]), try #require(Int(text[text.index(after: mark)...])))
  }

  /// The steps up to the last reload.
  func follow(_ text: String) throws {
    let steps = text.split(separator: "\n").map(String.init)
    try addInclude(steps)
    let first = try sandbox.canary("check")
    #expect(first.code == 0, "\(first.text)")
    let applied = try sandbox.canary("apply")
    #expect(applied.code == 0, "\(applied.text)")
    try replaceProxy(steps)
    let tested = try Spawn.run(["nginx", "-t", "-c", main], limit: .seconds(20))
    #expect(tested.succeeded, "\(tested.output)\n\(text)")
  }

  /// Everything that comes after `init`, as a person does it; then a request arrives by way of canary.
  func adopt(_ text: String, port: Int, path: String = "/", arrives: String? = nil) throws {
    try follow(text)
    let reloaded = try Spawn.run(["nginx", "-s", "reload", "-c", main], limit: .seconds(20))
    #expect(reloaded.succeeded, "\(reloaded.output)")
    // Workers of before the reload answer for a while: none of them is left after this.
    try restartNginx()
    try sandbox.wait("an answer by way of canary") {
      var client = Client(port: port)
      defer { client.close() }
      let before = blue.seen.count
      let seen = client.request(path: path)
      guard seen.status == 200 else { return false }
      let head = blue.seen.dropFirst(before).last ?? ""
      #expect(head.hasPrefix("GET \(arrives ?? path) "), "\(head)")
      return true
    }
    try addEvidence(try sandbox.canary("check").text)
    let last = try sandbox.canary("check")
    #expect(last.code == 0 && last.text.contains("answers with generation"), "\(last.text)")
  }

  /// The line that `check` asks for where failures end in another location.
  private func addEvidence(_ text: String) throws {
    guard let line = text.split(separator: "\n").first(where: { $0.contains(".server;` to the") })
    else { return }
    let parts = line.split(separator: "`").map(String.init)
    let index = try #require(parts.firstIndex { $0.hasSuffix(".server;") })
    let words = parts[index + 1].split(separator: " ")
    let at = try #require(words.first { $0.hasPrefix("/") }).split(separator: ",")[0]
    let (file, number) = try place(String(at))
    let logs = parts[(index + 1)...].filter { $0.hasPrefix("access_log ") }
    try edit(file) { lines in
      let brace = try #require(lines[number - 1].firstIndex(of: "{"))
      let new = " " + ([parts[index]] + logs).joined(separator: " ")
      lines[number - 1].insert(contentsOf: new, at: lines[number - 1].index(after: brace))
    }
    let ran = try Spawn.run(["nginx", "-s", "reload", "-c", main], limit: .seconds(20))
    #expect(ran.succeeded, "\(ran.output)")
  }
}
