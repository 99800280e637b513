import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// What `scripts/package` makes, used on a root where nothing of canary is.
@Suite(.blocking, .enabled(if: getuid() == 0, "a root of one's own takes root"))
struct PackageTests {
  private static let repository = #filePath.split(separator: "/").dropLast(3).reduce("") {
    "\($0)/\($1)"
  }

  private func made() throws -> Folder {
    let folder = try Folder()
    let ran = try Spawn.run(
      [
        "bash", "\(Self.repository)/scripts/package", "--to", folder.path, "--binary",
        Sandbox.program,
      ], limit: .minutes(3))
    try #require(ran.succeeded, "\(ran.output)")
    return folder
  }

  private func package(_ folder: Folder) throws -> String {
    let name = try #require(Files.names(in: folder.path).first { $0.hasSuffix(".deb") })
    return "\(folder.path)/\(name)"
  }

  @Test func `a package says what it needs, and a tarball has the same files`() throws {
    let folder = try made()
    let package = try package(folder)
    let info = try Spawn.run(["dpkg-deb", "--info", package], limit: .seconds(30)).output
    for word in ["libsqlite3-0", "libcurl4", "libc6", "Recommends: nginx"] {
      #expect(info.contains(word), "\(info)")
    }
    let files = { (words: [String]) in
      Set(
        try Spawn.run(words, limit: .seconds(60)).output.split(separator: "\n")
          .filter { !$0.hasSuffix("/") }.map {
            $0.split(separator: " ").last.map(String.init) ?? ""
          })
    }
    let tarball = try #require(Files.names(in: folder.path).first { $0.hasSuffix(".tar.gz") })
    let held = try files(["tar", "-tf", "\(folder.path)/\(tarball)"])
    #expect(try files(["dpkg-deb", "--contents", package]) == held)
    for file in ["./usr/bin/canary", "./usr/share/man/man1/canary.1.gz"] {
      #expect(held.contains(file), "\(held.sorted())")
    }
    let wrong = try Spawn.run(
      ["bash", "\(Self.repository)/scripts/package", "--two", folder.path], limit: .minutes(1))
    #expect(wrong.end == .exit(1) && wrong.output.contains("usage:"), "\(wrong.output)")
  }

  /// What a script prints as root of a copy of this machine's files, with the package beside it.
  private func output(of script: String) throws -> String {
    let folder = try made()
    let here = "\(Self.repository)/Tests/Fixtures/package"
    let root = "\(folder.path)/root"
    try Files.makeFolder(root)
    let alone = ["unshare", "--mount", "--pid", "--fork", "--net", "--propagation", "private"]
    // What a container without rights, or a kernel without overlays, does not let root do.
    let nothing = "\(folder.path)/nothing.sh"
    try Files.replace(nothing, with: "exit 0\n")
    let may = try Spawn.run(
      alone + ["bash", "\(here)/fresh.sh", root, nothing, nothing], limit: .seconds(20))
    guard may.succeeded else { try Test.cancel("no root of one's own here: \(may.output)") }
    let ran = try Spawn.run(
      alone + ["bash", "\(here)/fresh.sh", root, package(folder), "\(here)/\(script)"],
      limit: .minutes(4))
    #expect(ran.succeeded && ran.output.contains("all of it"), "\(ran.output)")
    return ran.output
  }

  @Test func `from the package to the first promoted release, and away again`() throws {
    let output = try output(of: "first-release.sh")
    for words in [
      "canary: next, as root: canary init", "PROMOTED  all traffic on green (v2)",
      "shop:\nreverted: all traffic is on green",
      "/etc/nginx/canary stays, because Nginx may serve by it",
      "/etc/nginx/canary is left for you to remove",
    ] { #expect(output.contains(words), "\(words) in \(output)") }
  }

  @Test func `the compose example of Dify, with Nginx in a namespace of its own`() throws {
    let output = try output(of: "compose.sh")
    #expect(output.contains("not tried: nginx.test is 'docker'"), "\(output)")
  }
}
