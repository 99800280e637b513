import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

@testable import CanaryHost

/// The page of each scene, in a real browser; `PICTURES=FOLDER` leaves what it reads there, to be
/// photographed.
@Suite(.blocking) struct PageSceneTests {
  /// Writes a page with a service for each scene.
  private static func write(_ folder: String) throws {
    for sub in [folder, "\(folder)/services"] { try Files.makeFolder(sub) }
    let files = try Spawn.run(
      ["sh", "-c", "cp \"$0\"/*.js \"$0\"/*.css \"$0\"/*.html \"$1\"", sources, folder],
      limit: .seconds(10))
    #expect(files.succeeded, "\(files.output)")
    var list: [String] = []
    for scene in StatusScene.all {
      let named = { (text: String) in
        text.replacing("\"service\":\"chat\"", with: "\"service\":\"\(scene.name)\"")
      }
      let data = PageData(report: scene.report)
      list.append(named(data.summary.line))
      let history = scene.report.state.rollout.map { PageData.history([$0]) { _ in nil } } ?? "[]"
      let charted = scene.report.state.rollout == nil ? nil : scene.report.now
      try Files.replace(
        "\(folder)/services/\(scene.name).json",
        with: named(data.whole(entries: scene.entries, charted: charted, history: history).line))
      try Files.replace("\(folder)/services/\(scene.name).charts.json", with: charts(scene))
    }
    try Files.replace(
      "\(folder)/status.json", with: "{\"services\":[\(list.joined(separator: ","))]}")
    try Files.replace(
      "\(folder)/beat.json",
      with: "{\"time\":\"\(SystemClock.now.iso8601)\",\"list\":1,\"goes_on\":true}")
  }

  private static let sources =
    #filePath.split(separator: "/").dropLast(3).reduce("") {
      "\($0)/\($1)"
    } + "/Sources/StatusPage"

  /// Two minutes of a request every four seconds.
  private static func charts(_ scene: StatusScene) -> String {
    let point = { (index: Int, often: Int, failed: Int) in
      index % often == 0 ? "[1,\(index % failed == 0 ? 1 : 0),80,140,210]" : "[0,0,null,null,null]"
    }
    let canary = (0..<120).map { point($0, 4, 28) }.joined(separator: ",")
    let stable = (0..<120).map { point($0, 2, 1000) }.joined(separator: ",")
    let start = scene.report.now.second - 120
    return
      "{\"rollout\":1,\"start\":\(start),\"length\":1,\"canary\":[\(canary)],\"stable\":[\(stable)]}"
  }

  @Test func `a Chinese page says in Chinese all that an English one says`() throws {
    let folder = try Folder()
    let pictures = getenv("PICTURES").map { String(cString: $0) }
    try Self.write(pictures ?? "\(folder.path)/page")
    if pictures != nil { return }
    let port = Sockets.freePort()
    let server = try Child([
      "python3", "-m", "http.server", "--bind", "127.0.0.1", "-d", "\(folder.path)/page", "\(port)",
    ])
    defer { server.stop() }
    let browser = try Browser(folder: folder.path)
    defer { browser.close() }
    for language in ["en-US", "zh-CN"] {
      try browser.look(width: 1280, language: language)
      var isUp = false
      for _ in 0..<100 where !isUp {
        try browser.open("http://127.0.0.1:\(port)/")
        isUp =
          (try? browser.wait("it", "!!document.querySelector('main tbody tr')", seconds: 1)) != nil
      }
      // The root is the list of all that there is, the most urgent first.
      #expect(
        try browser.value("document.querySelectorAll('main tbody tr').length") == "10")
      #expect(try browser.value("document.querySelector('main tbody th').innerText") == "braked")
      #expect(
        try browser.value("document.querySelector('main tbody code').innerText")
          == "canary revert braked")
      for scene in StatusScene.all {
        try browser.open("http://127.0.0.1:\(port)/#/\(scene.name)")
        try browser.wait(
          scene.name, "document.querySelector('h1')?.innerText.startsWith('\(scene.name)')")
        // Detail and reason stay in sight on a usual screen.
        #expect(
          try browser.value(
            "[...document.querySelectorAll('.wide')].every((one) => one.scrollWidth <= one.clientWidth)"
          )
            == "true", "\(scene.name) in \(language)")
        guard language == "zh-CN" else { continue }
        let left = try browser.value(Self.english)
        #expect(left.isEmpty, "\(scene.name): \(left)")
      }
    }
    // This server has no icon.
    let complaints = browser.complaints.filter { !$0.contains("favicon") }
    #expect(complaints.isEmpty, "\(complaints)")
  }

  /// The English words that the main part of a page says outside of names, commands and rules.
  private static let english = """
    (() => {
      const copy = document.querySelector('main').cloneNode(true);
      for (const node of copy.querySelectorAll('code, h1, tbody th, td.long small, time, svg, figcaption, dd, fieldset')) node.remove();
      for (const node of copy.querySelectorAll('*')) node.append(' '), node.prepend(' ');
      const own = /^(new|prompts|chat|green|blue|canary|stable|group|user|sre|wang|pid|full|Nginx|promote|exit|errors|latency|health|disk|started|queue_length_as_prometheus_has_it)$/;
      return [...copy.textContent.matchAll(/[A-Za-z][A-Za-z_]{2,}/g)].map(([word]) => word).filter((word) => !own.test(word)).join(' ');
    })()
    """
}
