package import CanaryCore

/// Whether what a config says has stayed in its place in the generated files.
package enum Containment {
  /// What has broken out; empty when nothing has.
  package static func faults(_ config: Config, _ templates: TemplateSet) -> [String] {
    config.services.flatMap { service in
      [Weight.none, service.plan.stages.first?.weight ?? .none, .all].flatMap { weight in
        faults(config, templates, service, weight)
      }
    }
  }

  private static func faults(
    _ config: Config, _ templates: TemplateSet, _ service: Service, _ weight: Weight
  ) -> [String] {
    let choice = rules(config, service, weight)
    let files: GeneratedFiles
    do throws(Problems) {
      files = try templates.render(choice, in: config, generation: Generation(1))
    } catch {
      return ["\(service.name) cannot be rendered: \(error)"]
    }
    let text = [files.main, files.location, files.locations].compactMap(\.self).joined()
    let code: [Substring] = files.main.split(separator: "\n").filter {
      !$0.drop { $0 == " " }.hasPrefix("#")
    }
    let isTCP = service.proxying.scheme == .tcp
    let hasShadow = !choice.shadows.isEmpty
    // Each pool of a TCP service has a relay: a group and a server.
    let relays = choice.routing.canary == nil ? 1 : 2
    let groups =
      isTCP ? 1 + relays : choice.groups.count * service.backends.count + (hasShadow ? 1 : 0)
    // At rest one server answers for all services, which stands in a file of its own.
    let probes = choice.seatForm == .rest ? 0 : 1
    let own =
      (service.listen.isEmpty ? 0 : 1) + probes + (isTCP ? relays : hasShadow ? 1 : 0)
    let odd = code.filter { line in
      !";{}".contains(line.last ?? ";") && !line.hasPrefix("log_format")
    }
    let facts = [
      (code.joined().count { $0 == "{" } == code.joined().count { $0 == "}" }, "a brace"),
      (code.count { $0.hasPrefix("upstream ") } == groups, "an upstream"),
      (code.count { $0.hasPrefix("server {") } == own, "a server"),
      (odd.isEmpty, "a line: \(odd)"),
      (
        !text.unicodeScalars.contains {
          $0.value < 32 && $0 != "\n" && $0 != "\t" || $0.value > 126
        }, "a character"
      ),
    ]
    return facts.filter { !$0.0 }.map { "\(service.name) breaks out by \($0.1)" }
  }

  /// The rules of a rollout at that weight.
  package static func rules(_ config: Config, _ service: Service, _ weight: Weight) -> RoutingRules
  {
    let other = service.pools.first { $0.name != service.stable }?.name
    let first = service.plan.stages.first
    let audience = Audience(
      salt: "1", only: first?.only, shadow: first?.shadow, limit: first?.limit)
    let routing = Routing.sample(
      stable: service.stable, canary: other, weight: weight,
      audience: weight == .none ? nil : audience)
    return RoutingRules(service, routing, zone: config.nginx.zone)
  }
}
