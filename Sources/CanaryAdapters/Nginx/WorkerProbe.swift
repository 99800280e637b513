package import CanaryCore
package import CanaryDriver
internal import Glibc

extension WorkerAnswer {
  /// Reads `chat 42 4711 0`; nil unless it is of this service.
  package init?(_ text: String, service: ServiceName) {
    let words = text.split(whereSeparator: \.isWhitespace)
    guard words.count == 4, words[0] == service.text, let number = Int(words[1]),
      let worker = Int32(words[2])
    else { return nil }
    self.init(generation: Generation(number), worker: worker, braked: words[3] == "1")
  }
}

/// Asks running workers, over the Unix socket that every generated configuration listens on.
package struct WorkerProbe {
  private let socket: String
  private let client = HTTPClient()

  /// Of a TCP service: the socket whose name the brake takes away; its probe speaks at once, without HTTP.
  private let relay: String?

  package init(socket: String, relay: String? = nil) {
    self.socket = socket
    self.relay = relay
  }

  /// Why no worker answered for the service.
  package enum Silence: Error, Hashable, Sendable {
    /// Nobody listens on the socket: Nginx does not run, or never loaded a generated file.
    case nobody
    /// Somebody answers, but not for this service: its file is not loaded.
    case unknownService
    case other(String)

    /// What it means, and where to look.
    package func sentence(socket: String, service: ServiceName) -> String {
      switch self {
      case .nobody:
        "nobody listens on \(socket): Nginx does not run, or has not loaded the generated files"
      case .unknownService:
        "\(socket) answers, but not for \(service): its generated file is not loaded"
      case .other(let why): "\(socket): \(why)"
      }
    }
  }

  /// One answer of one worker; each call is a connection of its own, so that any worker may take it.
  package func query(_ service: ServiceName, limit: Span = .seconds(1)) throws(Silence)
    -> WorkerAnswer
  {
    if let relay {
      let text = try UnixSocket.line(socket, limit: limit).get()
      guard var answer = WorkerAnswer(text, service: service) else { throw .unknownService }
      answer.braked = !Files.exists(relay)
      return answer
    }
    do throws(HTTPError) {
      let answer = try client.get(
        "http://\(service).canary/", unixSocket: socket, limit: limit, bodyLimit: 512)
      guard answer.status == 200, let parsed = WorkerAnswer(answer.body, service: service) else {
        throw HTTPError(description: "", isRefused: false)
      }
      return parsed
    } catch {
      if error.isRefused { throw .nobody }
      throw error.description.isEmpty ? .unknownService : .other(error.description)
    }
  }

  /// Removes the socket file that a killed Nginx left behind, which would keep the next one from starting.
  package func removeStaleSocket() -> Bool {
    UnixSocket.removeStale(socket)
  }
}

extension Config {
  /// How running workers are asked about a service.
  package func probe(_ service: ServiceName) -> WorkerProbe {
    let socket = probeSocket(of: service)
    return socket == run.probe
      ? WorkerProbe(socket: socket) : WorkerProbe(socket: socket, relay: run.relay(service))
  }
}
