import CanaryCore
import Glibc
import TestSupport
import Testing

@testable import CanaryAdapters

/// The copy of your tree that `check` shows to Nginx.
@Suite struct ScratchTreeTests {
  @Test func `only includes that lead to canary's folder change`() throws {
    let (folder, scratch) = (try Folder(), try Folder())
    let root = "\(folder.path)/etc/nginx"
    for name in ["canary", "conf.d", "sites"] { try Files.makeFolder("\(root)/\(name)") }
    let main = """
      # include canary/*.conf;\r
      include modules.conf; pid "logs/a b.pid";
      http { include\n  'canary/*.conf'; include conf.d/*.conf; include mime.types;
        server { location / { include sites/a; return 200 "include canary/x.location;"; } } }
      """
    try Files.replace("\(root)/nginx.conf", with: main)
    try Files.replace("\(root)/conf.d/1.conf", with: "server { listen 1; }")
    try Files.replace("\(root)/conf.d/2 [b].conf", with: "include ../nginx/canary/chat.location;")
    try Files.replace("\(root)/conf.d/3.conf", with: "server { listen 3; }")
    try Files.replace("\(root)/sites/a", with: "proxy_pass http://a;")
    try Files.replace("\(root)/mime.types", with: "types { }")
    symlink("\(root)/canary", "\(root)/link")
    let tree = NginxTree(main: "\(root)/nginx.conf", include: "\(root)/canary")
    let copy = try #require(try ScratchTree(tree, into: scratch.path))
    let include = "\(scratch.path)/include"
    let text = try #require(try Files.read(copy.main))
    let files = "\(scratch.path)/files/1.copy"
    #expect(
      text
        == main.replacing(
          "include\n  'canary/*.conf';", with: "include \"\(include)/*.conf\";\n"
        ).replacing(
          "include conf.d/*.conf;",
          with:
            "include \"\(root)/conf.d/1.conf\"; include \"\(files)\"; include \"\(root)/conf.d/3.conf\";"
        ), "\(text)")
    #expect(try Files.read(files) == "include \"\(include)/chat.location\";")
    #expect(copy.reads("web.conf") && copy.reads("chat.location") && !copy.reads("web.location"))
    // A relative path leads where it leads from the original.
    let beside = Files.folder(of: copy.main)
    #expect(try Files.read("\(beside)/mime.types") == "types { }")
    #expect(try Files.read("\(beside)/../nginx/sites/a") == "proxy_pass http://a;")
    #expect(
      copy.original("in \(copy.main):3 and \(files):1 and \(include)/a.conf:2")
        == "in \(root)/nginx.conf:3 and \(root)/conf.d/2 [b].conf:1 and \(root)/canary/a.conf:2")
    #expect(tree.expand("link/*.conf") == [.generated("*.conf")])
    #expect(NginxTree(main: "/none/x", include: "/none/y").statements() == nil)
  }

  @Test func `a tree that includes itself ends`() throws {
    let (folder, scratch) = (try Folder(), try Folder())
    try Files.replace("\(folder.path)/a", with: "include a; include b; include canary/*.conf;")
    try Files.replace("\(folder.path)/b", with: "include a; include \"")
    let tree = NginxTree(main: "\(folder.path)/a", include: "\(folder.path)/canary")
    #expect(try ScratchTree(tree, into: scratch.path)?.reads("x.conf") == true)
  }

  @Test func `stages of one shape are shown once`() throws {
    let routing = { (percent: Double) in
      Routing.sample(
        stable: "blue", canary: "green", weight: Weight(percent: percent) ?? .all, audience: nil)
    }
    let stages = [routing(5), routing(30), routing(100)]
    let service = { (name: ServiceName, address: String) in
      Service(
        name: name,
        pools: [Pool(name: "blue", servers: [Server(address: address)])], stable: "blue",
        plan: Plan(name: "p", stages: [], checks: []))
    }
    var shapes = StageShapes()
    shapes.add(service("chat", "127.0.0.1:1"), stages)
    shapes.add(service("mail", "10.0.0.1:2"), stages)
    shapes.add(service("news", "10.0.0.1:3"), stages)
    shapes.add(service("longer", "127.0.0.1:4"), stages)
    shapes.add(service("host", "app.example:4"), [routing(5)])
    shapes.end()
    #expect(shapes.chosen.map(\.0) == ["chat", "mail", "longer", "host"])
    #expect(
      shapes.chosen.map(\.1.weight) == [5, 100, 5, 5].map { Weight(percent: $0) ?? .none })
    #expect(shapes.others.map(\.0) == ["longer"] && shapes.others.map(\.1.weight) == [.all])
    #expect(StageShapes.distinct(stages).count == 2)
  }
}
