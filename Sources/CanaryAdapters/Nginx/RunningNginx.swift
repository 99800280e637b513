package import CanaryCore
internal import Glibc

/// Whether there is an Nginx that could take a configuration at all.
///
/// Without one each stage would wait for an answer, and then be taken back.
package enum RunningNginx {
  /// Why none would serve the service; nil also where that cannot be known, as with a container's.
  package static func fault(_ config: Config, _ service: ServiceName) -> Fault? {
    guard NginxDryRun.runsHere(config),
      let main = NginxMainFile(config.nginx.config, generated: config.nginx.include)
    else { return nil }
    do throws(WorkerProbe.NoAnswer) {
      _ = try config.probe(service).query(service)
      return nil
    } catch {
      if case .other = error { return nil }
    }
    if let file = main.pidFile, isGone(file) {
      return Fault(
        "Nginx is not running (no process by its pid file \(file))",
        hint: "Start it, such as: systemctl start nginx")
    }
    let suffix = config.mainSuffix(of: service)
    guard main.includes(config.nginx.include, suffix) else {
      return Fault(
        "\(config.nginx.config) has no `include \(config.nginx.include)/*.\(suffix);` inside \(NginxMainFile.block(of: suffix)) {}, so Nginx would not read what canary writes",
        hint: "Add that line, then: nginx -t && nginx -s reload")
    }
    return nil
  }

  /// Whether the pid file names no process that lives.
  private static func isGone(_ file: String) -> Bool {
    guard Files.exists(file) || Files.isReadable(Files.folder(of: file)) else { return false }
    guard let text = Files.contents(file, limit: 64) else { return !Files.exists(file) }
    guard let pid = Int32(text.filter { !$0.isWhitespace }), pid > 0 else { return true }
    return kill(pid, 0) != 0 && errno == ESRCH
  }
}
