import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// The page that people look at, in a real browser, served by the Nginx that is there anyway.
@Suite(.blocking) struct StatusPageTests {
  private static let plan = """
    stages: [{ weight: 20, soak: "10m" }, { weight: 100, soak: "10m" }],
    checks: [
      { name: "errors", metric: "error_rate", max: "5%", window: "5s", every: "200ms", min_requests: 5 },
      { name: "health", probe: "/health", every: "300ms" },
    ]
    """
  private static let hostile = "<img src=x onerror=alert(1)> & </script> \"'"

  /// A sandbox with a page, and the address at which Nginx serves it.
  private static func start() throws -> (Sandbox, String) {
    let sandbox = try Sandbox()
    try sandbox.startApps()
    try sandbox.writeConfig(
      plan: plan, top: "page: \"page\", metrics: \"canary.prom\",")
    let port = Sockets.freePort()
    let server = try sandbox.canary("page", "--nginx", "--listen", "127.0.0.1:\(port)")
    #expect(server.code == 0, "\(server.text)")
    try sandbox.startNginx(extra: server.text)
    #expect(try sandbox.canary("apply").code == 0)
    #expect(try sandbox.canary("page").text.contains("written: \(sandbox.folder)/page/index.html"))
    return (sandbox, "http://127.0.0.1:\(port)")
  }

  @Test func `the page shows a rollout while it goes on`() throws {
    let (sandbox, address) = try Self.start()
    defer { sandbox.close() }
    let browser = try Browser(folder: sandbox.folder)
    defer { browser.close() }
    try browser.look(width: 1280)
    try browser.open(address)
    try browser.wait("the list", "document.querySelectorAll('#list li').length === 1")
    try browser.wait("nothing yet", "document.getElementById('fresh').className === 'still'")

    // By keys alone: skip link, name, search, the service.
    for _ in 1...4 { try browser.press("Tab", code: 9) }
    #expect(try browser.value("document.activeElement.getAttribute('href')") == "#/chat")
    try browser.press("Enter", code: 13, text: "\r")
    try browser.wait("the service", "document.activeElement.id === 'title'")
    #expect(try browser.value("document.querySelector('h1').innerText").contains("IDLE"))

    let load = Load(port: sandbox.port, clients: 2, pause: .seconds(0.01))
    defer { _ = load.stop() }
    let promote = try sandbox.launch(
      "promote", "chat", "--release", "<b>v2</b>", "--reason", Self.hostile)
    try browser.wait(
      "a soaking stage", "document.querySelector('h1').innerText.includes('SOAKING')")
    try browser.wait(
      "checks and charts",
      "document.querySelectorAll('svg.spark rect').length > 3 && document.querySelectorAll('figure polyline.canary').length >= 3"
    )
    #expect(
      try browser.value("document.querySelector('[aria-current=step]').innerText").contains("left"))
    #expect(try sandbox.canary("pause", "chat").code == 0)
    try browser.wait("the pause", "document.querySelector('h1').innerText.includes('PAUSED')")
    #expect(try browser.value("document.getElementById('said').innerText") == "chat: paused")
    #expect(try sandbox.canary("revert", "chat", "--reason", Self.hostile).code == 0)
    #expect(promote.wait() == 4, "\(promote.text)")
    try browser.wait("the end", "document.querySelector('h1').innerText.includes('REVERTED')")
    // Foreign text is text.
    #expect(
      try browser.value("document.querySelectorAll('img, b:not(.stages b), main script').length")
        == "0")
    #expect(
      try browser.value("document.querySelector('.sentence').textContent").contains(Self.hostile))
    try browser.wait("the report", "!!document.querySelector('#history ~ .wide a')")
    let report = try browser.value("document.querySelector('#history ~ .wide a').href")
    #expect(browser.complaints.isEmpty, "\(browser.complaints)")

    // A controller that comes later finds the charts of how it ended, and the report works by itself.
    #expect(try sandbox.canary("page").code == 0)
    try browser.open("\(address)/#/chat")
    try browser.wait("the charts", "document.querySelectorAll('figure').length === 4")
    try browser.open(report)
    try browser.wait("the report", "document.querySelectorAll('figure svg').length === 4")
    #expect(try browser.value("document.querySelectorAll('img, script').length") == "0")
    #expect(browser.complaints.isEmpty, "\(browser.complaints)")
  }

  /// Rules of WCAG 2.1 AA that can be computed: names, contrast, order of headings, ids, width.
  private static let faults = """
    (() => {
      const faults = [], name = (node) => node.getAttribute('aria-label') || node.textContent || node.labels?.[0]?.innerText;
      for (const node of document.querySelectorAll('a, button, input, [tabindex="0"]')) if (!name(node)?.trim()) faults.push('no name: ' + node.outerHTML);
      for (const node of document.querySelectorAll('svg')) if (!node.getAttribute('aria-label') || node.getAttribute('role') !== 'img') faults.push('svg without words');
      const ids = [...document.querySelectorAll('[id]')].map((node) => node.id);
      if (new Set(ids).size !== ids.length) faults.push('an id twice');
      const levels = [...document.querySelectorAll('h1, h2, h3')].map((node) => Number(node.tagName[1]));
      if (levels[0] !== 1 || levels.filter((level) => level === 1).length !== 1) faults.push('headings ' + levels);
      for (const tag of ['header', 'nav', 'main']) if (document.querySelectorAll(tag).length !== 1) faults.push('not one ' + tag);
      if (document.documentElement.scrollWidth > innerWidth) faults.push('wider than the screen: ' + document.documentElement.scrollWidth);
      const light = (text) => {
        const [r, g, b] = text.match(/[0-9.]+/g).map(Number).map((part) => part / 255).map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const paper = (node) => {
        for (; node; node = node.parentElement) { const found = getComputedStyle(node).backgroundColor; if (!/, 0\\)$|transparent/.test(found)) return found; }
        return getComputedStyle(document.documentElement).colorScheme.includes('dark') ? 'rgb(0,0,0)' : 'rgb(255,255,255)';
      };
      for (const node of document.querySelectorAll('body *')) {
        const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
        if (!own || node.closest('title, .unseen, .skip, noscript, script, style')) continue;
        const style = getComputedStyle(node);
        const [one, two] = [light(node.closest('svg') ? style.fill : style.color), light(paper(node))].sort((a, b) => b - a);
        if ((one + 0.05) / (two + 0.05) < 4.5) faults.push('contrast of ' + node.outerHTML.slice(0, 80) + ' ' + style.color + ' on ' + paper(node));
      }
      return faults.join('\\n');
    })()
    """

  @Test(arguments: [(360, "en-US"), (1280, "zh-CN"), (3840, "en-US")])
  func `the page can be read by everybody`(width: Int, language: String) throws {
    let (sandbox, address) = try Self.start()
    defer { sandbox.close() }
    let load = Load(port: sandbox.port, clients: 2, pause: .seconds(0.01))
    defer { _ = load.stop() }
    let promote = try sandbox.launch("promote", "chat", "--release", "v2")
    try sandbox.waitForStage(0)
    let browser = try Browser(folder: sandbox.folder)
    defer { browser.close() }
    for dark in [false, true] {
      try browser.look(width: width, dark: dark, language: language)
      try browser.open("\(address)/#/chat")
      try browser.wait("the page", "document.querySelectorAll('figure svg').length === 4")
      let faults = try browser.value(Self.faults)
      #expect(faults.isEmpty, "\(width) \(dark ? "dark" : "light"): \(faults)")
      let isChinese = language == "zh-CN"
      #expect(try browser.value("document.documentElement.lang") == (isChinese ? "zh-CN" : "en"))
      #expect(
        try browser.value("document.querySelector('h1').innerText").contains(
          isChinese ? "观察中" : "SOAKING"))
    }
    // Nobody writes any more: the page says so, rather than to look as if all were well.
    promote.signal(SIGKILL)
    // The guard's announcement is the last that anybody writes.
    try browser.wait("the brake", "/ died|已退出/.test(document.body.innerText)")
    try Files.replace(
      "\(sandbox.folder)/page/beat.json",
      with: "{\"time\":\"2026-01-01T00:00:00.000Z\",\"list\":1,\"goes_on\":true}"
    )
    try browser.wait("its age", "document.getElementById('fresh').className === 'stale'")
    #expect(browser.complaints.isEmpty, "\(browser.complaints)")
  }

  @Test func `a page that cannot be written or is not asked for is said so`() throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.writeConfig()
    let none = try sandbox.canary("page")
    #expect(none.code == 2 && none.text.contains("page: \"/var/cache/canary\""), "\(none.text)")
    try sandbox.writeConfig(top: "page: \"page\", metrics: \"metrics.txt\",")
    let wrong = try sandbox.canary("page")
    #expect(wrong.code == 2 && wrong.text.contains("must be a file that ends in .prom"))
    try sandbox.writeConfig(top: "page: \"page\",")
    let listen = try sandbox.canary("page", "--nginx", "--listen", "1.2.3.4:80; evil")
    #expect(listen.code == 2 && listen.text.contains("--listen"), "\(listen.text)")
    // A template of the user's own takes the place of ours, and says what is wrong with it.
    let own = "\(sandbox.folder)/own"
    try Files.makeFolder(own)
    try Files.replace("\(own)/page.conf", with: "# mine: {{listen}} {{folder}} {{policy}}\n")
    try sandbox.writeConfig(top: "page: \"page\", templates: \"own\",")
    let mine = try sandbox.canary("page", "--nginx")
    #expect(
      mine.code == 2 && mine.text.contains("does not use '{{report_policy}}'"), "\(mine.text)")
    try sandbox.writeConfig(top: "page: \"page\",")
    let alone = try sandbox.canary("page", "--listen", "127.0.0.1:1")
    #expect(alone.code == 2 && alone.text.contains("needs --nginx"), "\(alone.text)")
    #expect(!Files.exists("\(sandbox.folder)/page"))
  }
}
