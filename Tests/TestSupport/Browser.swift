internal import CanaryAdapters
internal import CanaryCore
internal import FoundationEssentials
internal import Glibc

/// A headless Chromium with one page, spoken to over its debugging pipe (Chrome DevTools Protocol); ends with `close`.
package final class Browser {
  private let folder: String
  private let child: Child
  private let input: CInt
  private let output: CInt
  private var rest: [UInt8] = []
  private var count = 0
  private var session: String?
  /// What the page has complained about: errors of the console, exceptions, refused policies.
  package private(set) var complaints: [String] = []

  package init(folder: String) throws {
    self.folder = "\(folder)/browser-\(Sockets.freePort())"
    try Files.makeFolder(self.folder)
    let (to, from) = ("\(self.folder)/to", "\(self.folder)/from")
    guard mkfifo(to, 0o600) == 0, mkfifo(from, 0o600) == 0 else { throw SandboxError("no pipe") }
    child = try Child([
      "sh", "-c",
      "exec chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --remote-debugging-pipe --user-data-dir='\(self.folder)/profile' 3<'\(to)' 4>'\(from)'",
    ])
    // A fifo is open once both ends are; the shell opens them in this order.
    input = Glibc.open(to, O_WRONLY | O_CLOEXEC)
    output = Glibc.open(from, O_RDONLY | O_CLOEXEC)
    guard input >= 0, output >= 0 else { throw SandboxError("chromium did not start") }
    let made = try call("Target.createTarget", #"{"url":"about:blank"}"#)
    let target = Self.text("targetId", in: made) ?? ""
    let attached = try call(
      "Target.attachToTarget", #"{"targetId":"\#(target)","flatten":true}"#)
    session = Self.text("sessionId", in: attached)
    for domain in ["Runtime", "Page", "Log"] { try call("\(domain).enable") }
  }

  package func close() {
    Glibc.close(input)
    Glibc.close(output)
    child.stop()
  }

  /// How the page is to be looked at.
  package func look(width: Int, height: Int = 800, dark: Bool = false, language: String = "en-US")
    throws
  {
    try call(
      "Emulation.setDeviceMetricsOverride",
      #"{"width":\#(width),"height":\#(height),"deviceScaleFactor":1,"mobile":false}"#)
    try call(
      "Emulation.setEmulatedMedia",
      #"{"features":[{"name":"prefers-color-scheme","value":"\#(dark ? "dark" : "light")"}]}"#)
    try call(
      "Emulation.setUserAgentOverride", #"{"userAgent":"test","acceptLanguage":"\#(language)"}"#)
  }

  package func open(_ url: String) throws {
    // A page that differs by its fragment alone would not be loaded anew.
    try call("Page.navigate", #"{"url":"about:blank"}"#)
    try call("Page.navigate", "{\"url\":\(JSONText.quoted(url))}")
  }

  /// The value of an expression, as text.
  package func value(_ expression: String) throws -> String {
    let answer = try call(
      "Runtime.evaluate",
      "{\"expression\":\(JSONText.quoted("String(\(expression))")),\"awaitPromise\":true}")
    guard !answer.contains("\"exceptionDetails\"") else { throw SandboxError(answer) }
    return Self.text("value", in: answer) ?? ""
  }

  /// Waits until an expression is true; generously.
  package func wait(_ what: String, _ expression: String, seconds: Double = 30) throws {
    let start = SystemClock.now
    while SystemClock.now - start < .seconds(seconds) {
      if (try? value(expression)) == "true" { return }
      usleep(50_000)
    }
    throw SandboxError(
      "waited \(seconds) s for: \(what); the page: \(try value("document.body.innerText"))")
  }

  /// Presses a key, such as `Tab` or `Enter`.
  package func press(_ key: String, code: Int, text: String = "") throws {
    for type in ["keyDown", "keyUp"] {
      let typed = type == "keyDown" && !text.isEmpty ? ",\"text\":\(JSONText.quoted(text))" : ""
      try call(
        "Input.dispatchKeyEvent",
        #"{"type":"\#(type)","key":"\#(key)","code":"\#(key)","windowsVirtualKeyCode":\#(code)\#(typed)}"#
      )
    }
  }

  // MARK: the protocol

  /// Sends a command; its whole answer as JSON.
  @discardableResult
  private func call(_ method: String, _ parameters: String = "{}") throws -> String {
    count += 1
    let to = session.map { ",\"sessionId\":\"\($0)\"" } ?? ""
    let text = "{\"id\":\(count),\"method\":\"\(method)\",\"params\":\(parameters)\(to)}"
    var bytes = Array(text.utf8) + [0]
    while !bytes.isEmpty {
      let done = write(input, bytes, bytes.count)
      guard done > 0 else { throw SandboxError("chromium is gone") }
      bytes.removeFirst(done)
    }
    while true {
      let message = try receive()
      if message.hasPrefix("{\"id\":\(count),") { return message }
      for event in ["Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"]
      where message.contains("\"method\":\"\(event)\"") {
        complaints.append(message)
      }
    }
  }

  private func receive() throws -> String {
    while true {
      if let end = rest.firstIndex(of: 0) {
        defer { rest.removeSubrange(...end) }
        return String(decoding: rest[..<end], as: UTF8.self)
      }
      var poll = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
      guard Glibc.poll(&poll, 1, 60_000) > 0 else { throw SandboxError("chromium says nothing") }
      var chunk = [UInt8](repeating: 0, count: 64 << 10)
      let count = read(output, &chunk, chunk.count)
      guard count > 0 else { throw SandboxError("chromium has ended") }
      rest += chunk[..<count]
    }
  }

  /// The first text of that name, wherever it is.
  private static func text(_ name: String, in json: String) -> String? {
    guard let start = json.firstRange(of: "\"\(name)\":\"") else { return nil }
    let quoted = json[start.upperBound...]
    var end = quoted.startIndex
    while end < quoted.endIndex, quoted[end] != "\"" {
      if quoted[end] == "\\" { end = quoted.index(after: end) }
      end = quoted.index(after: end)
    }
    let literal = "[\"\(quoted[..<end])\"]"
    return try? JSONDecoder().decode([String].self, from: Data(literal.utf8)).first
  }
}
