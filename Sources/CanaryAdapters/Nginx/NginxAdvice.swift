package import CanaryCore

/// What helps against a fault that Nginx tells in its own words.
package enum NginxAdvice {
  /// What you can do; nil: Nginx's words and its line are all that is known.
  package static func hint(_ words: String, _ config: Config) -> String? {
    if words.contains("host not found in upstream") {
      return
        "Nginx refuses a server whose name does not resolve: start what has that name, or take the server out of the config"
    }
    if words.contains("Address already in use") {
      return
        "Another program listens there (ss -ltnp shows which): stop it, or change `listen` in \(config.file)"
    }
    if words.contains("Cannot assign requested address") {
      return
        "No interface of this host has that address (ip -br address shows them): change `listen` in \(config.file)"
    }
    if words.contains("bind()"), words.contains("Permission denied") {
      return
        "Nginx may not listen there: only one that root started may use a port below 1024. Change `listen` in \(config.file), or start Nginx as root"
    }
    if words.contains("open() \"\(config.nginx.config)\""), words.contains("No such file") {
      return "`nginx.config` in \(config.file) names that file: correct it"
    }
    if !words.contains(config.nginx.include), words.contains(" in /") {
      return "The fault is in your own files: fix that line until `nginx -t` passes"
    }
    return nil
  }
}
