internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

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
  ) { call throws(Failure) in
    let request = try request(call)
    let world = try call.world(.looking)
    let service = try call.service(world)
    let state = try await world.load(service)
    let routing = state.serving?.routing ?? state.resting(at: world.clock.now())
    let braked = await world.router.brakeNote(service.name) != nil
    let rules: RoutingRules
    do throws(RouterError) {
      rules = try world.renderer.rules(service.name, routing)
    } catch {
      throw Failure(.outside, error.fault)
    }
    let answer = rules.answer(request, braked: braked)
    let role = answer.pool.map { $0 == routing.stable ? "stable" : "canary" }
    if call.has("--json") {
      call.output.out(
        JSON.table([
          ("service", .text(service.name.text)), ("pool", JSON(answer.pool?.text)),
          ("role", JSON(role)), ("why", .text(answer.why)),
          ("weight", .number(routing.weight.percent)), ("seat", JSON(answer.seat)),
          ("brake", .bool(braked)),
        ]).pretty)
    } else if let pool = answer.pool {
      call.output.out("\(pool) (\(role ?? "")): \(answer.why)")
    } else {
      call.output.out("\(routing.stable) or \(routing.canary?.text ?? "-"): \(answer.why)")
    }
    return .done
  }

  /// The request that the options describe; throws all their faults at once.
  private static func request(_ call: Invocation) throws(Failure) -> RequestFacts {
    var faults: [String] = []
    let headers = call.arguments.all("--header").compactMap {
      text -> (name: String, value: String)? in
      guard let mark = text.firstIndex(where: { $0 == ":" || $0 == "=" }),
        Address.isHeaderName(String(text[..<mark]))
      else {
        faults.append("--header must be 'NAME: VALUE' (found '\(Text.sanitized(text))')")
        return nil
      }
      let value = text[text.index(after: mark)...].drop { $0 == " " || $0 == "\t" }
      return (String(text[..<mark]), String(value))
    }
    let cookies = call.arguments.all("--cookie").compactMap {
      text -> (name: String, value: String)? in
      guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
        faults.append("--cookie must be NAME=VALUE (found '\(Text.sanitized(text))')")
        return nil
      }
      return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }
    let from = call["--from"] ?? "127.0.0.1"
    if IPAddress(from) == nil {
      faults.append("--from must be an address such as 10.1.2.3 (found '\(Text.sanitized(from))')")
    }
    guard faults.isEmpty else { throw Failure(.wrong, faults.joined(separator: "; ")) }
    return RequestFacts(headers: headers, cookies: cookies, peer: from)
  }
}
