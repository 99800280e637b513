internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// `canary route`: which pool a request would reach now, and why.
enum RouteCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "route", service: .required,
      summary: "which pool a request would reach now, and why",
      details: """
        The same decision that Nginx takes, from what it is confirmed to serve; nothing is sent.
        """,
      options: [
        Option(
          "--header", "'NAME: VALUE'", "a header of the request; may be given again", repeats: true),
        Option(
          "--cookie", "NAME=VALUE", "a cookie of the request; may be given again", repeats: true),
        Option("--from", "ADDRESS", "where the request comes from; else 127.0.0.1"), .json,
      ])
  ) { arguments, output throws(Failure) in
    let request = try request(arguments)
    let world = try World(arguments, output: output)
    let service = try world.service(arguments)
    let state = try await world.load(service)
    let routing = state.serving?.routing ?? state.resting
    let braked = world.router.brakeNote(service.name) != nil
    let choice: Choice
    do throws(RouterError) {
      choice = try world.router.choice(service.name, routing)
    } catch {
      throw Failure(.outside, error.text)
    }
    let answer = choice.answer(request, braked: braked)
    let role = answer.pool.map { $0 == routing.stable ? "stable" : "canary" }
    if arguments.has("--json") {
      output.out(
        JSON.table([
          ("service", .text(service.name.text)), ("pool", JSON(answer.pool?.text)),
          ("role", JSON(role)), ("why", .text(answer.why)),
          ("weight", .number(routing.weight.percent)),
          ("brake", .bool(braked)),
        ]).pretty)
    } else if let pool = answer.pool {
      output.out("\(pool) (\(role ?? "")): \(answer.why)")
    } else {
      output.out("\(routing.stable) or \(routing.canary?.text ?? "-"): \(answer.why)")
    }
    return .done
  }

  /// The request that the words describe; every fault of them at once.
  private static func request(_ arguments: Arguments) throws(Failure) -> RequestFacts {
    var faults: [String] = []
    let headers = arguments.all("--header").compactMap { text -> (name: String, value: String)? in
      guard let mark = text.firstIndex(where: { $0 == ":" || $0 == "=" }),
        Address.isHeaderName(String(text[..<mark]))
      else {
        faults.append("--header must be 'NAME: VALUE' (found '\(Text.shown(text))')")
        return nil
      }
      let value = text[text.index(after: mark)...].drop { $0 == " " || $0 == "\t" }
      return (String(text[..<mark]), String(value))
    }
    let cookies = arguments.all("--cookie").compactMap { text -> (name: String, value: String)? in
      guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
        faults.append("--cookie must be NAME=VALUE (found '\(Text.shown(text))')")
        return nil
      }
      return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }
    let from = arguments["--from"] ?? "127.0.0.1"
    if IPAddress(from) == nil {
      faults.append("--from must be an address such as 10.1.2.3 (found '\(Text.shown(from))')")
    }
    guard faults.isEmpty else { throw Failure(.wrong, faults.joined(separator: "; ")) }
    return RequestFacts(headers: headers, cookies: cookies, peer: from)
  }
}
