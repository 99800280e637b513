import TestSupport
import Testing

/// Readers of what others write, given inputs that nobody thought of.
///
/// A longer search: CANARY_TORTURE_SEED=7 CANARY_TORTURE_MINUTES=10 swift test --filter FuzzTests
@Suite(.busy, .serialized) struct FuzzTests {
  @Test func `any log line is counted whole or not at all`() throws {
    try Fuzz(.logLine).run(5000)
  }

  @Test func `any config is read and contained, or refused with its faults`() throws {
    try Fuzz(.config).run(700)
  }

  @Test func `any answer is JSON or not, twice the same`() throws {
    try Fuzz(.answer).run(1000)
  }

  @Test func `any template is filled or refused with its faults`() throws {
    try Fuzz(.template).run(300)
  }

  @Test func `any dump of nginx -T is read within its lines`() throws {
    try Fuzz(.dump).run(500)
  }
}
