import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// A process that may open too few files for the language's own runtime.
@Suite(.blocking) struct FewFilesTests {
  private func ended(_ child: Child) -> (code: Int32?, text: String) { (child.wait(), child.text) }

  @Test(arguments: ["weights: \"seats\",", "weights: \"upstream\","])
  func `a revert moves all traffic with hardly a descriptor`(service: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.start(
      service: service,
      plan: "stages: [{ weight: 50, soak: \"10m\" }, { weight: 100, soak: \"1s\" }], checks: []")
    let driver = try sandbox.launch("promote", "chat")
    try sandbox.waitForStage(0)
    for limit in [7, 12, 20] {
      let few = ["prlimit", "--nofile=\(limit):\(limit)"]
      for words in [["promote", "chat"], ["status", "chat"], ["controller"]] {
        let child = try Child(
          few + [Sandbox.program] + words + ["--config", "\(sandbox.folder)/canary.json5"],
          output: "\(sandbox.folder)/few.log")
        let (code, text) = ended(child)
        #expect(code == 1, "\(limit) \(words): \(text)")
        #expect(
          text.contains("may open no more than \(limit) files at once")
            && text.contains("Nothing was touched"), "\(text)")
      }
      let (code, text) = ended(try sandbox.launch("revert", "chat", before: few))
      #expect(code == 0, "\(limit): \(text)")
      #expect(text.contains("All new requests go to blue by the brake"), "\(text)")
      var client = Client(port: sandbox.port)
      for _ in 0..<40 { #expect(client.request().pool == "blue") }
      client.close()
    }
    #expect(driver.wait() == 4, "\(driver.text)")
    #expect(try sandbox.canary("revert", "chat").code == 0)
    #expect(!sandbox.isBraked)
  }
}
