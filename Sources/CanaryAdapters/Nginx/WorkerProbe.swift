package import CanaryCore
package import CanaryDriver
internal import Glibc

extension WorkerAnswer {
  /// Parses an answer such as `chat 42 4711 0`, or by seats `chat 42 4711 0 blue.green`.
  ///
  /// For a service at rest the worker's pid alone is the body, and the rest its type. Nil unless it
  /// is from this service.
  package init?(_ text: String, type: String = "", service: ServiceName) {
    var words = text.split(whereSeparator: \.isWhitespace)
    if words.count == 1 {
      let shared = type.prefix { $0 != ";" }.split(separator: " ")
      guard shared.count == 4 else { return nil }
      words = shared[..<2] + words + shared[2...]
    }
    guard words.count == 4 || words.count == 5, words[0] == service.text,
      let number = Int(words[1]),
      let worker = Int32(words[2])
    else { return nil }
    let hasSeats = words.count == 5
    self.init(
      generation: Generation(number), worker: worker, braked: !hasSeats && words[3] == "1")
    apart =
      hasSeats || !"+=".contains(words[3].prefix(1)) ? nil : PoolName(String(words[3].dropFirst()))
    isMet = hasSeats && words[3] == "1"
    let pools = hasSeats ? words[4].split(separator: ".").map { PoolName(String($0)) } : []
    base = pools.first ?? nil
    other = pools.count == 2 ? pools[1] : nil
  }
}

/// Queries running workers through the Unix socket on which every generated configuration listens.
package struct WorkerProbe {
  private let socket: String
  private let client = HTTPClient()

  /// For a TCP service, where its ways are; its probe answers without HTTP.
  private let tcp: RunFolder?

  package init(socket: String, tcp: RunFolder? = nil) {
    self.socket = socket
    self.tcp = tcp
  }

  /// Why no worker gave an answer for the service.
  package enum NoAnswer: Error, Hashable, Sendable {
    /// Nothing listens on the socket: Nginx does not run, or has loaded no generated file.
    case nobody
    /// A worker answers, but not for this service, whose file is not loaded.
    case unknownService
    case other(String)

    /// What the silence means, and where to look.
    func sentence(socket: String, service: ServiceName) -> String {
      switch self {
      case .nobody:
        "nobody listens on \(socket): Nginx does not run, or has not loaded the generated files"
      case .unknownService:
        "\(socket) answers, but not for \(service): its generated file is not loaded"
      case .other(let why): "\(socket): \(why)"
      }
    }
  }

  /// One answer of one worker.
  ///
  /// Each call opens a new connection, so that any worker may accept it.
  ///
  /// By seats, `asking` is the seat or the generation that the answer tells of (`isMet`).
  package func query(
    _ service: ServiceName, asking seat: String? = nil, limit: Span = .seconds(1)
  ) throws(NoAnswer) -> WorkerAnswer {
    if let tcp {
      let text = try UnixSocket.line(socket, limit: limit).get()
      guard var answer = WorkerAnswer(text, service: service) else { throw .unknownService }
      answer.braked = isBraked(service, answer, in: tcp, by: text)
      return answer
    }
    do throws(HTTPError) {
      let answer = try client.get(
        "http://\(service.probeHost).canary/\(seat ?? "")", unixSocket: socket, limit: limit,
        bodyLimit: 512)
      guard answer.status == 200,
        let parsed = WorkerAnswer(answer.body, type: answer.type, service: service)
      else {
        throw HTTPError(description: "", isRefused: false)
      }
      return parsed
    } catch {
      if error.isRefused { throw .nobody }
      throw error.description.isEmpty ? .unknownService : .other(error.description)
    }
  }

  /// Whether a TCP service reaches nothing but what its brake leads to.
  private func isBraked(
    _ service: ServiceName, _ answer: WorkerAnswer, in run: RunFolder, by text: String
  ) -> Bool {
    // A text that 0.1.0 wrote says 0 at the end, and has a relay for whatever the brake cuts off.
    let (isByWay, ways) = (text.contains("+"), RelayWays(run, service))
    if !isByWay, !text.contains("=") { return !Files.exists(run.formerRelay(service)) }
    guard let pool = answer.apart else { return Brake.isOn(run, service) }
    return isByWay ? !ways.isOpen(pool) : !ways.isConnected(pool)
  }

  /// Removes the socket file of a killed Nginx, which would keep the next one from starting;
  /// whether it did.
  package func removeStaleSocket() -> Bool {
    UnixSocket.removeStale(socket)
  }
}

extension Config {
  /// The probe for a service.
  package func probe(_ service: ServiceName) -> WorkerProbe {
    let socket = probeSocket(of: service)
    return socket == run.probe
      ? WorkerProbe(socket: socket) : WorkerProbe(socket: socket, tcp: run)
  }
}
