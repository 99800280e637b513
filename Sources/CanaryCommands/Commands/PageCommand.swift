internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver
internal import CanaryHost

/// `canary page`: writes the status page now, or prints the `server {}` that serves it.
enum PageCommand {
  static let command = Command(
    spec: CommandSpec(
      name: "page", service: .none,
      summary: "write the status page and the metrics now; print the server {} that serves them",
      details: """
        The controller, or whoever drives, keeps them up to date by itself. Put what --nginx prints beside your other
        servers, as in: canary page --nginx > /etc/nginx/conf.d/canary-page.conf && nginx -t && nginx -s reload
        """,
      options: [
        Option("--nginx", nil, "print the server {} for Nginx; touch nothing"),
        Option("--listen", "ADDRESS", "where it is to listen; else 127.0.0.1:8090"),
        Option(
          "--name", "NAMES",
          "by which names it is asked for, with commas; else only by its address and localhost"),
      ])
  ) { call throws(Failure) in
    let world = try call.world(.looking)
    guard world.config.page != nil || world.config.metrics != nil else {
      throw Failure(
        .wrong,
        "the config names no folder for it; add, beside `services`: page: \"/var/cache/canary\""
      )
    }
    for option in ["--listen", "--name"] where call[option] != nil && !call.has("--nginx") {
      throw Failure(.wrong, "\(option) says how Nginx is to serve it: it needs --nginx")
    }
    if call.has("--nginx") {
      guard let folder = world.config.page else {
        throw Failure(.wrong, "the config has `metrics` but no `page`: there is nothing to serve")
      }
      let listen = call["--listen"] ?? "127.0.0.1:8090"
      let names = (call["--name"] ?? "").split(separator: ",").map { String($0).spaceless }
      call.output.out(try server(folder, listen, names, templates: world.config.templates))
      return .done
    }
    guard await PublishLoop.once(world) else {
      let pid = world.leases.holder(.publishing).map { " (pid \($0))" } ?? ""
      call.output.out("another process\(pid) keeps it up to date")
      return .done
    }
    for path in [world.config.page.map { "\($0)/index.html" }, world.config.metrics] {
      if let path, Files.exists(path) { call.output.out("written: \(path)") }
    }
    if let folder = world.config.page, let closed = Files.closedFolder(folder) {
      call.output.err(
        "canary page: warning: workers of Nginx run as another user and may not pass through \(closed): chmod o+x \(closed)"
      )
    }
    return .done
  }

  /// The Content-Security-Policy of the page: it loads nothing from elsewhere and sends nothing
  /// there.
  private static let policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
  private static let reportPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  private static func server(
    _ folder: String, _ listen: String, _ names: [String], templates: String?
  ) throws(Failure) -> String {
    for name in names where !Address.isHostName(name) {
      throw Failure(
        .wrong, "--name must be names such as canary.internal (found '\(Text.sanitized(name))')")
    }
    // Nginx compares the host of a request in lower case.
    let known = ["localhost", "127.0.0.1", "[::1]"] + names.map { $0.lowercased() }
    do throws(Violation) {
      try Address.checkListen(listen)
    } catch {
      throw Failure(.wrong, "--listen \(error) (found '\(Text.sanitized(listen))')")
    }
    do throws(Problems) {
      return try TemplateFiles.page(folder: templates).fill([
        "listen": .text(listen), "folder": .text(folder), "policy": .text(policy),
        "report_policy": .text(reportPolicy),
        "names": .rows(names: ["name"], known.map { ["name": .text($0)] }),
      ])
    } catch {
      throw Failure(.wrong, "\(error.list.map(\.description).joined(separator: "; "))")
    }
  }
}
