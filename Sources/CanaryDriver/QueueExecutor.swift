internal import Dispatch

/// Runs jobs one after another on a queue of its own: an actor's, so that a blocking call never takes a thread of the
/// pool, or those of tasks that prefer it.
package final class QueueExecutor: SerialExecutor, TaskExecutor {
  private let queue: DispatchQueue
  package init(_ label: String) { queue = DispatchQueue(label: label) }
  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async {
      job.runSynchronously(
        isolatedTo: self.asUnownedSerialExecutor(), taskExecutor: self.asUnownedTaskExecutor())
    }
  }
}
