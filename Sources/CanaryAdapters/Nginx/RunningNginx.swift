package import CanaryCore
internal import Glibc

/// Whether the config's Nginx runs on this host, and who listens where it is to listen.
package struct RunningNginx: Sendable {
  /// The pid of its master; nil: not known.
  private let master: Int32?
  /// Why it counts as not running; nil: it runs, or that cannot be known here.
  package let fault: Fault?

  package init(_ config: Config, _ services: [Service]) {
    let main = NginxMainFile(config.nginx.config, generated: config.nginx.include)
    let named = Workers.master(of: config)
    let other = main?.pidFile == nil ? Workers.master()?.pid : nil
    master = named ?? other
    let answers = Set(services.map { config.probeSocket(of: $0.name) }).contains { socket in
      guard case .connected(let file) = UnixSocket.connect(socket) else { return false }
      close(file)
      return true
    }
    guard main != nil, NginxDryRun.runsHere(config), master == nil, !answers else {
      fault = nil
      return
    }
    let why = main?.pidFile.map { "no process by its pid file \($0)" } ?? "no master is seen"
    fault = Fault(
      "Nginx is not running (\(why)), so no request arrives",
      hint: "Start it: systemctl start nginx, or: nginx -c \(config.nginx.config)")
  }

  /// Why Nginx cannot listen on an address of the service; nil: it can, or does already.
  package func taken(_ service: Service) -> String? {
    for listen in service.listen {
      let holders = ListeningSockets.holders(of: listen).filter { !isNginx($0) }
      guard let first = holders.first else { continue }
      return
        "\(service.name): \(listen) is taken by \(first.words), so Nginx cannot listen there. Stop that process, or change services.\(service.name).listen"
    }
    return nil
  }

  /// Why Nginx would not read what is generated for a service; nil: it would, or its files cannot be
  /// read here.
  package static func missingInclude(_ config: Config, _ suffix: String) -> Fault? {
    guard let main = NginxMainFile(config.nginx.config, generated: config.nginx.include),
      !main.includes(config.nginx.include, suffix)
    else { return nil }
    return Fault(
      "\(config.nginx.config) has no `include \(config.nginx.include)/*.\(suffix);` inside \(NginxMainFile.block(of: suffix)) {}, so Nginx would not read what canary writes",
      hint:
        "Add that line, then: \(config.nginx.test.joined(separator: " ")) && \(config.nginx.reload.joined(separator: " "))"
    )
  }

  private func isNginx(_ holder: ListeningSockets.Holder) -> Bool {
    // A socket whose process cannot be seen may well be that of Nginx.
    guard let pid = holder.pid else { return true }
    guard holder.name.hasPrefix("nginx") else { return false }
    guard let master else { return true }
    return pid == master || Workers.parent(of: pid) == master || Workers.parent(of: master) == pid
  }
}
