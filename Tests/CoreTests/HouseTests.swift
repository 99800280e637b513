import FoundationEssentials
import TestSupport
import Testing

/// The rules of the house that neither the compiler nor the formatter checks.
@Suite(.busy) struct HouseTests {
  static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }
  private static let texts = folders(["Sources", "nginx-templates"])
  private static let files = texts.map { SwiftText(path: $0.path, $0.text) }

  /// The text of a file of the repository; nil where there is none.
  static func read(_ path: String) -> String? {
    FileManager.default.contents(atPath: "\(root)/\(path)").map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  private static func folders(_ names: [String]) -> [(path: String, text: String)] {
    names.flatMap { folder in
      let found = try? FileManager.default.subpathsOfDirectory(atPath: "\(root)/\(folder)")
      return (found ?? []).filter { $0.hasSuffix(".swift") }.sorted().map { "\(folder)/\($0)" }
    }.map { ($0, read($0) ?? "") }
  }

  @Test func `the tree is tidy`() {
    #expect(Self.texts.count > 40)
    for (path, text) in Self.texts {
      #expect(text.utf8.count { $0 == 10 } <= 300, "\(path) is more than one room")
      for word in ["try!", "FIXME", "TODO", "fatalError", "import Foundation\n"] {
        #expect(!text.contains(word), "\(path) has \(word)")
      }
      for line in text.split(separator: "\n") where line.utf8.count > 240 {
        #expect(line.count <= 240, "\(path): \(line.prefix(60))")
      }
    }
  }

  @Test func `the only Nginx syntax is in the templates`() {
    for (path, text) in Self.texts where !path.hasSuffix("/NginxDryRun.swift") {
      for word in ["proxy_pass ", "proxy_set_header ", "upstream {"] {
        #expect(!text.contains(word), "\(path) has \(word)")
      }
    }
  }

  @Test func `no function is longer than a screen`() {
    for file in Self.files {
      #expect(file.faults.isEmpty, "the scanner does not understand this")
      for one in file.declarations where one.isFunction && one.lines > 70 {
        Issue.record("\(file.path):\(one.line) \(one.title) has \(one.lines) lines, 70 are allowed")
      }
    }
  }

  /// What is used, though nothing in `Sources` names it, and by what.
  private static let usedUnseen: [(name: String, by: String)] = [
    ("QueueExecutor.enqueue", "Swift's runtime, as of every executor"),
    ("Reduce.callAsFunction", "calls of a value: reduce(values)"),
    ("ThreadExecutor.enqueue", "Swift's runtime, as of every executor"),
    ("unownedExecutor", "Swift's runtime, of whatever actor it is a member"),
  ]

  @Test func `everything that is declared is used`() {
    var exceptions = Set(Self.usedUnseen.map(\.name))
    var met: Set<String> = []
    for (path, one) in SwiftText.unused(in: Self.files) {
      let name = exceptions.contains(one.name) ? one.name : one.title
      if exceptions.contains(name) {
        met.insert(name)
      } else {
        Issue.record(
          "\(path):\(one.line) \(one.kind) \(one.title): nothing in Sources uses it")
      }
    }
    exceptions.subtract(met)
    #expect(exceptions.isEmpty, "these need no exception any more")
  }

  /// What the files of a place may import; of several places that fit a path, the longest counts.
  private static let arrows: [(place: String, may: Set<String>)] = [
    ("Sources/canary/", ["CanaryCommands", "Glibc"]),

    ("Sources/CanaryCommands/", commands),
    // What a person types is closest to the host: files, the terminal, what Nginx says of itself.
    ("Sources/CanaryCommands/Check/", commands.union(["CanaryAdapters"])),
    ("Sources/CanaryCommands/Commands/", commands.union(["CanaryAdapters"])),
    ("Sources/CanaryCommands/Init/", commands.union(["CanaryAdapters"])),
    ("Sources/CanaryCommands/Line/", commands.union(["CanaryAdapters"])),
    ("Sources/CanaryCommands/Promote/", commands.union(["CanaryAdapters"])),
    ("Sources/CanaryCommands/Screen/", commands.union(["CanaryAdapters"])),

    ("Sources/CanaryHost/", host),
    ("Sources/CanaryHost/Notices/", host.union(["FoundationEssentials", "StatusPage"])),
    ("Sources/CanaryHost/Publishing/", host.union(["StatusPage"])),

    ("Sources/CanaryAdapters/Hooks/", adapters),
    ("Sources/CanaryAdapters/Metrics/", adapters.union(["CZlib"])),
    ("Sources/CanaryAdapters/Nginx/", adapters.union(["CSystem", "NginxTemplates"])),
    ("Sources/CanaryAdapters/Store/", adapters.union(["CSQLite"])),
    (
      "Sources/CanaryAdapters/System/",
      adapters.union(["CCrypto", "CCurl", "CSystem", "Dispatch"])
    ),

    ("Sources/CanaryDriver/", ["CanaryCore", "Synchronization"]),
    ("Sources/CanaryDriver/QueueExecutor.swift", ["Dispatch"]),
    ("Sources/CanaryDriver/ThreadExecutor.swift", ["CanaryCore", "Glibc", "Synchronization"]),

    ("Sources/CanaryCore/", []),
    // The logarithm is the system's; nothing else of it is the core's business.
    ("Sources/CanaryCore/Comparison/Mathematics.swift", ["Glibc"]),

    ("Sources/StatusPage/", []),
    ("nginx-templates/", []),
  ]
  private static let commands: Set = [
    "CanaryHost", "CanaryDriver", "CanaryCore", "Glibc", "Synchronization",
  ]
  private static let host: Set = [
    "CanaryAdapters", "CanaryDriver", "CanaryCore", "Glibc", "Synchronization",
  ]
  private static let adapters: Set = [
    "CanaryDriver", "CanaryCore", "FoundationEssentials", "Glibc", "Synchronization",
  ]

  @Test func `imports point one way`() {
    for (place, _) in Self.arrows {
      #expect(Self.files.contains { $0.path.hasPrefix(place) }, "\(place) has no file")
    }
    for file in Self.files {
      let row = Self.arrows.filter { file.path.hasPrefix($0.place) }
        .max { $0.place.utf8.count < $1.place.utf8.count }
      for module in file.imports where row?.may.contains(module) != true {
        Issue.record("\(file.path) imports \(module), which no arrow leads to")
      }
    }
  }

  /// The adapters that hold a host's state; outside of their target, code takes their ports.
  private static let concrete = ["FileLock", "NginxRouter", "SQLiteStore"]
  /// Where a host is put together.
  private static let roots = ["Sources/CanaryHost/Driving/Composition.swift"]

  @Test func `only the composition root names the adapters of a host`() {
    for file in Self.files where !file.path.hasPrefix("Sources/CanaryAdapters/") {
      let named = Self.concrete.filter(file.names)
      if Self.roots.contains(file.path) {
        #expect(!named.isEmpty, "\(file.path) is no root any more")
      } else {
        #expect(named.isEmpty, "\(file.path) takes a port instead")
      }
    }
  }

  @Test func `imports are declared in the manifest`() {
    let manifest = Self.manifest(Self.read("Package.swift") ?? "")
    #expect(manifest.keys.contains("CanaryCore") && manifest.keys.contains("CoreTests"))
    var undeclared: Set<String> = []
    for file in Self.files + Self.folders(["Tests"]).map({ SwiftText(path: $0.path, $0.text) }) {
      #expect(file.faults.isEmpty, "the scanner does not understand this")
      let target = file.path.split(separator: "/").map(String.init)[1]
      guard let declared = manifest[target] else { continue }
      for module in file.imports where manifest[module] != nil && !declared.contains(module) {
        undeclared.insert("\(target) imports \(module)")
      }
    }
    #expect(undeclared.isEmpty, "as dependencies in Package.swift")
  }

  /// The dependencies of each target, as the manifest's text has them.
  private static func manifest(_ text: String) -> [String: Set<String>] {
    func quoted(_ text: Substring) -> [String] {
      text.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
        .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }
    var found: [String: Set<String>] = [:]
    for target in text.split(separator: "arget(").dropFirst() {
      let parts = target.split(separator: "dependencies: [", maxSplits: 1)
      guard let name = quoted(parts[0]).first else { continue }
      found[name] = Set(parts.count > 1 ? quoted(parts[1].prefix { $0 != "]" }) : [])
    }
    return found
  }
}
