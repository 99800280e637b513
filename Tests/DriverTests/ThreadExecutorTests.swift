import CanaryCore
import CanaryDriver
import Synchronization
import Testing

/// The thread of the drivers: jobs one at a time, sleeps in their order, and an end to those that are cancelled.
@Suite struct ThreadExecutorTests {
  /// What several tasks write to.
  private final class Seen: Sendable {
    let woken = Mutex<[Int]>([])
    let inside = Atomic<Int>(0)
    let most = Atomic<Int>(0)
  }

  @Test func `sleeps end in the order of their time`() async {
    let executor = ThreadExecutor()
    let seen = Seen()
    await withTaskGroup(of: Void.self) { group in
      for milliseconds in [300, 20, 150] {
        group.addTask(executorPreference: executor) {
          await executor.sleep(for: Span(milliseconds: Int64(milliseconds)))
          seen.woken.withLock { $0.append(milliseconds) }
        }
      }
    }
    #expect(seen.woken.withLock { $0 } == [20, 150, 300])
  }

  @Test func `a sleep that is cancelled ends, whether it has begun or not`() async {
    let executor = ThreadExecutor()
    for wait in [0, 50] {
      let task = Task(executorPreference: executor) { await executor.sleep(for: .hours(1)) }
      if wait > 0 { try? await Task.sleep(for: .milliseconds(wait)) }
      task.cancel()
      await task.value
    }
  }

  @Test func `jobs of many tasks run one at a time`() async {
    let executor = ThreadExecutor()
    let seen = Seen()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<50 {
        group.addTask(executorPreference: executor) {
          for _ in 0..<20 {
            let now = seen.inside.add(1, ordering: .relaxed).newValue
            seen.most.max(now, ordering: .relaxed)
            seen.inside.subtract(1, ordering: .relaxed)
            await Task.yield()
          }
        }
      }
    }
    #expect(seen.most.load(ordering: .relaxed) == 1)
  }
}
