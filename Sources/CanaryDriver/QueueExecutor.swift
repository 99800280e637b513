internal import Dispatch

/// Runs the jobs of an actor one after another on a queue of its own.
///
/// A blocking call then takes no thread of Swift's pool.
package final class QueueExecutor: SerialExecutor {
  private let queue: DispatchQueue
  package init(_ label: String) { queue = DispatchQueue(label: label) }
  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async {
      job.runSynchronously(on: self.asUnownedSerialExecutor())
    }
  }
}
