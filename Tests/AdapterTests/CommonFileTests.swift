import TestSupport
import Testing

@testable import CanaryAdapters
@testable import CanaryCore
@testable import CanaryDriver

/// The file in which services at rest have what they share.
@Suite struct CommonFileTests {
  private let folder: Folder
  private let common: CommonFile

  init() throws {
    folder = try Folder()
    let text =
      "{ services: { chat: { pools: { blue: { servers: [\"127.0.0.1:1\"] }, green: { servers: [\"127.0.0.1:2\"] } }, stable: \"blue\" } } }"
    let config = try ConfigReader(file: "\(folder.path)/canary.json5").read(
      ConfigFile.parse(text, name: "test"))
    let renderer = NginxRenderer(config: config, templates: LazyTemplates(folder: nil))
    common = CommonFile(renderer, in: folder.path)
  }

  private func write(_ service: ServiceName, _ answer: String) throws {
    try Files.replace(
      "\(folder.path)/\(service).conf",
      with: "# canary service=\(service) generation=1\n# canary probe \(answer)\n")
  }

  private func answers() -> [String] { common.answers.values.map(\.text).sorted() }

  @Test func `it says what main files say and is gone with the last of them`() throws {
    try common.update(["chat"], through: nil)
    #expect(Files.names(in: folder.path).isEmpty)
    try write("chat", "chat 7 0 blue")
    try write("web", "web 3 0 green")
    // Of another service, too long, or no answer: as if it were not there.
    try write("a", "web 3 0 green")
    try write("b", "b 3 0 green more")
    try write("c", "c 3 0 \"gre;en\"")
    try common.update(["chat", "web", "a", "b", "c"], through: nil)
    #expect(answers() == ["chat 7 0 blue", "web 3 0 green"])
    #expect(Seal.isWhole(try #require(try Files.read(common.path))))
    // Nobody asks for the web: it stays as it is.
    try write("chat", "chat 8 0 green")
    try write("web", "web 4 0 green")
    try common.update(["chat"], through: nil)
    #expect(answers() == ["chat 8 0 green", "web 3 0 green"])
    for name in ["chat", "web"] { try Files.remove("\(folder.path)/\(name).conf") }
    try common.update(["chat", "web"], through: nil)
    #expect(!Files.exists(common.path))
  }

  @Test func `what others write at once is never lost`() async throws {
    let names = (0..<8).compactMap { ServiceName("s\($0)") }
    for name in names { try write(name, "\(name) 1 0 blue") }
    await withTaskGroup(of: Void.self) { group in
      for name in names {
        let (common, path) = (common, folder.path)
        group.addTask {
          let own = "\(path)/.\(name)"
          try? Files.makeFolder(own)
          try? common.update([name], through: own)
        }
      }
    }
    #expect(answers() == names.map { "\($0) 1 0 blue" })
  }

  @Test func `whose folder another one has taken changes nothing`() throws {
    try write("chat", "chat 7 0 blue")
    #expect(throws: RouterError.self) {
      try common.update(["chat"], through: "\(folder.path)/taken")
    }
    #expect(!Files.exists(common.path))
  }
}
