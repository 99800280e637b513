package import CanaryCore
internal import Glibc

/// Runs jobs one after another, and their timers, on one thread that lives as long as the process.
///
/// A queue of Dispatch needs three threads for each timer: the one that waits for the clock, one of
/// the pool, and the queue's. Drivers wait most of the time, and waking a thread costs more than
/// what most of their jobs do.
package final class ThreadExecutor: SerialExecutor, TaskExecutor, @unchecked Sendable {
  /// One sleep; the executor's lock guards all of it.
  private final class Sleeper: @unchecked Sendable {
    var continuation: UnsafeContinuation<Void, Never>?
    var until: UInt64 = 0
    var isOver = false
  }

  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let change = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  // Guarded by the lock:
  private var jobs: [UnownedJob] = []
  private var sleepers: [Sleeper] = []
  /// When the first sleeper is due.
  private var nextDue = UInt64.max
  private var isWaiting = false
  private var isStarted = false

  /// The thread starts with the first job or sleep.
  package init() {
    pthread_mutex_init(lock, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    // A step of the wall clock must not turn a short sleep into a long one.
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(change, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  /// Starts the thread, once; to be called with the lock held.
  private func startOnce() {
    guard !isStarted else { return }
    isStarted = true
    var thread = pthread_t()
    let made = pthread_create(
      &thread, nil,
      { itself in
        // Other threads wait for the signals.
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, nil)
        if let itself { Unmanaged<ThreadExecutor>.fromOpaque(itself).takeRetainedValue().run() }
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    precondition(made == 0, "a thread cannot be started (error \(made))")
    pthread_detach(thread)
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    change { jobs.append(job) }
  }

  /// Sleeps for this span, or until the task is cancelled.
  package func sleep(for span: Span) async {
    let sleeper = Sleeper()
    // A year is as good as for ever, and the clock's nanoseconds have room for it.
    let span = max(.zero, min(span, .hours(24 * 366)))
    sleeper.until = Self.now + UInt64(span.milliseconds) * 1_000_000
    await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        let isCancelled = change {
          if sleeper.isOver { return true }
          sleeper.continuation = continuation
          sleepers.append(sleeper)
          nextDue = min(nextDue, sleeper.until)
          return false
        }
        if isCancelled { continuation.resume() }
      }
    } onCancel: {
      change {
        sleeper.isOver = true
        sleeper.until = 0
        nextDue = 0
      }
    }
  }

  /// Changes the values that the lock guards, and wakes the thread if it waits.
  private func change<Value>(_ work: () -> Value) -> Value {
    pthread_mutex_lock(lock)
    let value = work()
    startOnce()
    if isWaiting {
      isWaiting = false
      pthread_cond_signal(change)
    }
    pthread_mutex_unlock(lock)
    return value
  }

  private func run() {
    var batch: [UnownedJob] = []
    while true {
      pthread_mutex_lock(lock)
      var woken = takeDue()
      while jobs.isEmpty, woken.isEmpty {
        isWaiting = true
        if nextDue < .max {
          var until = timespec(
            tv_sec: Int(nextDue / 1_000_000_000), tv_nsec: Int(nextDue % 1_000_000_000))
          pthread_cond_timedwait(change, lock, &until)
        } else {
          pthread_cond_wait(change, lock)
        }
        isWaiting = false
        woken = takeDue()
      }
      swap(&batch, &jobs)
      pthread_mutex_unlock(lock)
      for sleeper in woken { sleeper.continuation?.resume() }
      for job in batch {
        job.runSynchronously(
          isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
      }
      batch.removeAll(keepingCapacity: true)
    }
  }

  /// Removes the sleepers that are due and returns them; to be called with the lock held.
  private func takeDue() -> [Sleeper] {
    let now = Self.now
    guard nextDue <= now else { return [] }
    let due = sleepers.filter { $0.until <= now }
    sleepers.removeAll { $0.until <= now }
    nextDue = sleepers.lazy.map(\.until).min() ?? .max
    return due
  }

  /// Nanoseconds of a clock that never steps.
  private static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
