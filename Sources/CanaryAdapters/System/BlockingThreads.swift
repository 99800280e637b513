internal import CSystem
internal import Glibc

/// Threads that are started as they are needed, and end when they are not.
///
/// A concurrent queue of Dispatch has few threads more than there are cores, and adds to them slowly
/// while they wait: programs of one service that hang would hold up everybody else.
final class BlockingThreads: @unchecked Sendable {
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let change = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let most: Int
  // Guarded by the lock:
  private var jobs: [@Sendable () -> Void] = []
  private var count = 0
  private var idle = 0

  /// How long a thread waits for more to do, in seconds.
  private static let patience = 5

  /// At most so many threads at once; further work waits for one of them.
  init(most: Int) {
    self.most = most
    pthread_mutex_init(lock, nil)
    pthread_cond_init(change, nil)
  }

  deinit {
    lock.deallocate()
    change.deallocate()
  }

  /// Runs the job on one of the threads.
  func submit(_ job: @escaping @Sendable () -> Void) {
    pthread_mutex_lock(lock)
    jobs.append(job)
    if idle >= jobs.count || count >= most {
      pthread_cond_signal(change)
      pthread_mutex_unlock(lock)
      return
    }
    count += 1
    pthread_mutex_unlock(lock)
    if start() { return }
    // No thread is to be had: one that is there takes the job, or else the caller's own.
    pthread_mutex_lock(lock)
    count -= 1
    let left = count == 0 ? jobs.popLast() : nil
    pthread_mutex_unlock(lock)
    left?()
  }

  private func start() -> Bool {
    var thread = pthread_t()
    let itself = Unmanaged.passRetained(self)
    let code = pthread_create(
      &thread, nil,
      { itself in
        // Other threads wait for the signals.
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, nil)
        if let itself { Unmanaged<BlockingThreads>.fromOpaque(itself).takeRetainedValue().work() }
        return nil
      }, itself.toOpaque())
    guard code == 0 else {
      itself.release()
      return false
    }
    pthread_detach(thread)
    return true
  }

  private func work() {
    pthread_mutex_lock(lock)
    while true {
      while jobs.isEmpty {
        var until = timespec()
        clock_gettime(CLOCK_REALTIME, &until)
        until.tv_sec += Self.patience
        idle += 1
        let code = pthread_cond_timedwait(change, lock, &until)
        idle -= 1
        if code == ETIMEDOUT, jobs.isEmpty {
          count -= 1
          pthread_mutex_unlock(lock)
          return
        }
      }
      let job = jobs.removeFirst()
      pthread_mutex_unlock(lock)
      job()
      pthread_mutex_lock(lock)
    }
  }
}
