internal import Dispatch
internal import Glibc

/// Signals as a stream.
package enum Signals {
  /// The signals as they arrive; returns once the kernel delivers them here.
  package static func stream(_ numbers: [CInt]) async -> AsyncStream<CInt> {
    let (stream, continuation) = AsyncStream.makeStream(of: CInt.self)
    for number in numbers {
      let source = DispatchSource.makeSignalSource(signal: number)
      source.setEventHandler { continuation.yield(number) }
      await withCheckedContinuation { registered in
        source.setRegistrationHandler { registered.resume() }
        source.resume()
      }
      // A released source is cancelled: these live as long as the process.
      kept.append(source)
    }
    return stream
  }

  nonisolated(unsafe) private static var kept: [any DispatchSourceSignal] = []

  package static func name(_ number: CInt) -> String {
    switch number {
    case SIGINT: "SIGINT"
    case SIGTERM: "SIGTERM"
    case SIGHUP: "SIGHUP"
    default: "signal \(number)"
    }
  }
}
