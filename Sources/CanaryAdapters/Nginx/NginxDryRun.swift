package import CanaryCore
package import CanaryDriver
internal import Glibc

/// Runs `nginx -t` on what would be installed, without touching what is.
package enum NginxDryRun {
  package enum Outcome: Hashable, Sendable {
    case good
    case bad(String)
    /// The test could not be made, and why.
    case untried(String)
  }

  /// Runs your own test command on what is installed now.
  package static func installed(_ config: Config) -> Outcome {
    run(config.nginx.test)
  }

  /// Whether `nginx.test` is an Nginx on this host.
  static func runsHere(_ config: Config) -> Bool {
    Files.name(of: config.nginx.test[0]) == "nginx"
  }

  /// Tests the generated files of these services in a scratch configuration.
  ///
  /// Only where `nginx.test` is an Nginx on this host; otherwise the outcome is `untried`.
  package static func generated(
    _ config: Config, _ renderer: any Renderer, _ services: [(ServiceName, Routing)]
  ) -> Outcome {
    let program = config.nginx.test[0]
    guard runsHere(config) else {
      return .untried("nginx.test is '\(program)', so Nginx does not run on this host itself")
    }
    var template = Array("/tmp/canary-check-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { return .untried("no scratch folder in /tmp") }
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { _ = try? Spawn.run(["rm", "-rf", folder], limit: .seconds(10)) }
    do {
      var locations = ""
      var hasStream = false
      for (name, routing) in services {
        // The text that would be installed, except for the paths that it writes to.
        let files = try renderer.with(scratch(config, folder)).render(name, routing, Generation(0))
        try Files.replace("\(folder)/\(name).\(files.mainSuffix)", with: files.main)
        hasStream = hasStream || files.mainSuffix == "stream"
        guard config.service(name)?.listen.isEmpty == true else { continue }
        for (suffix, text) in files.all where suffix != files.mainSuffix {
          guard let text else { continue }
          let path = "\(folder)/\(name).\(suffix)"
          try Files.replace(path, with: text)
          let include = "include \(path);"
          let body = suffix == "location" ? "location / { \(include) }" : include
          locations += "server { listen unix:\(folder)/\(name).sock; \(body) }\n"
        }
      }
      let modules = NginxMainFile(config.nginx.config)?.modules ?? []
      let loads = modules.map { "load_module \($0);\n" }.joined()
      let stream = hasStream ? "stream { include \(folder)/*.stream; }" : ""
      try Files.replace(
        "\(folder)/nginx.main",
        with: """
          \(loads)pid \(folder)/nginx.pid;
          error_log stderr;
          events {}
          http {
          include \(folder)/*.conf;
          \(locations)}
          \(stream)

          """)
    } catch {
      return .bad("\((error as? RouterError)?.text ?? "\(error)")")
    }
    switch run([program, "-t", "-q", "-c", "\(folder)/nginx.main"]) {
    case .bad(let why): return .bad(why.replacing(folder, with: config.nginx.include))
    case let outcome: return outcome
    }
  }

  /// The config with all paths that Nginx writes to moved into the scratch folder.
  private static func scratch(_ config: Config, _ folder: String) -> Config {
    var config = config
    config.nginx.include = folder
    config.nginx.logs = folder
    config.run = RunFolder(folder)
    config.services = config.services.map { service in
      var service = service
      service.accessLogs = []
      return service
    }
    return config
  }

  private static func run(_ words: [String]) -> Outcome {
    do throws(SpawnError) {
      let ran = try Spawn.run(words, limit: .seconds(60))
      if ran.succeeded { return .good }
      let told = NginxOutput.faults(in: ran.output)
      return .bad(told.isEmpty ? "\(words.joined(separator: " ")) failed" : told)
    } catch {
      return .bad(
        "\(error.description). Is Nginx installed here? Else set nginx.test and nginx.reload")
    }
  }
}
