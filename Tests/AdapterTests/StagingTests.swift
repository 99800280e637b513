import Glibc
import TestSupport
import Testing

@testable import CanaryAdapters
@testable import CanaryCore

/// The files of an installation, stopped between any two of its steps while another one overtakes it.
@Suite struct StagingTests {
  private let folder: Folder
  private var include: String { folder.path }

  init() throws { folder = try Folder() }

  private func files(_ text: String, location: String? = nil) -> GeneratedFiles {
    GeneratedFiles(
      main: Seal.seal(text + "\n"), mainSuffix: "conf",
      location: location.map { Seal.seal($0 + "\n") })
  }

  private func staging(_ generation: Int) throws -> Staging {
    try Staging(include, "chat", Generation(generation))
  }

  private func inPlace(_ suffix: String = "conf") throws -> String? {
    try Files.read("\(include)/chat.\(suffix)")?.split(separator: "\n").first.map(String.init)
  }

  private func place(_ staging: Staging, _ files: GeneratedFiles) throws {
    try staging.stage(files)
    try staging.place(files)
  }

  /// Puts the files of generation 4 in place, in an installation that is over.
  private func begin(_ files: GeneratedFiles) throws {
    let first = try staging(4)
    try place(first, files)
    first.noteTested()
    first.remove()
  }

  /// One of the four steps of an installation, in their order.
  private func take(_ step: Int, _ staging: Staging, _ files: GeneratedFiles) throws {
    switch step {
    case 0: try staging.stage(files)
    case 1: try staging.place(files)
    case 2: staging.noteTested()
    default: _ = staging.putBack { _ in }
    }
  }

  @Test(arguments: 0...4)
  func `an older installation moves nothing once it is overtaken`(done: Int) throws {
    try begin(files("first"))
    let old = try staging(5)
    let files5 = files("old", location: "old")
    for step in 0..<done { try take(step, old, files5) }
    let new = try staging(6)
    new.takeOverLower { _ in }
    // Tested files stay until the new ones replace them; untested ones are gone at once.
    #expect(try inPlace() == (done == 3 ? "old" : "first"))
    try place(new, files("new"))
    new.takeOverAll()
    #expect(!old.isMine && new.isMine)
    for step in done..<4 { try? take(step, old, files5) }
    old.remove()
    #expect(try inPlace() == "new")
    #expect(try inPlace("location") == nil)
    new.remove()
    #expect(Files.names(in: include) == ["chat.conf"])
  }

  @Test func `only what the installation itself wrote is put back`() throws {
    try begin(files("first", location: "first"))
    let one = try staging(5)
    try place(one, files("second"))
    #expect(try inPlace("location") == nil)
    try Files.replace("\(include)/chat.conf", with: "by hand\n")
    _ = one.putBack { _ in }
    #expect(try inPlace() == "by hand")
    #expect(try inPlace("location") == "first")
  }

  @Test func `files that were put back can be placed again and again`() throws {
    for hasFormer in [false, true] {
      if hasFormer { try begin(files("first", location: "first")) }
      let one = try staging(5)
      for _ in 0..<3 {
        try place(one, files("second"))
        #expect(try inPlace() == "second" && inPlace("location") == nil)
        #expect(one.putBack { _ in })
        #expect(try inPlace() == (hasFormer ? "first" : nil))
        #expect(try inPlace("location") == (hasFormer ? "first" : nil))
      }
      one.remove()
    }
  }

  @Test func `what a killed process left untested is put back, and what was tested stays`() throws {
    try begin(files("first"))
    for isTested in [false, true] {
      // The lock of its folder goes with the process, here with the value.
      do {
        let killed = try staging(5)
        try place(killed, files("killed"))
        if isTested { killed.noteTested() }
      }
      // A program that another test starts just now has a copy of the lock until its exec.
      for _ in 0..<500 where Files.names(in: include) != ["chat.conf"] {
        Staging.recover(include) { _ in }
        usleep(10_000)
      }
      #expect(try inPlace() == (isTested ? "killed" : "first"))
      #expect(Files.names(in: include) == ["chat.conf"])
    }
  }

  @Test func `a running installation of another service is undone only where asked for`() throws {
    let other = try Staging(include, "other", Generation(9))
    let bad = files("bad")
    try other.stage(bad)
    try other.place(bad)
    Staging.recover(include) { _ in }
    #expect(Files.exists("\(include)/other.conf"))
    #expect(Staging.undoOthers(than: "other", include) { _ in }.isEmpty)
    #expect(Staging.undoOthers(than: "chat", include) { _ in } == ["other"])
    #expect(!Files.exists("\(include)/other.conf") && !other.isMine)
  }

  @Test func `of two equal installations the one that looks later finds its files in place`() throws
  {
    let same = files("same")
    let (one, other) = (try staging(5), try staging(5))
    try place(one, same)
    one.takeOverAll()
    #expect(throws: Staging.Failure.self) { try place(other, same) }
    #expect(one.isMine && !other.isMine)
    #expect(try inPlace() == "same")
  }
}
