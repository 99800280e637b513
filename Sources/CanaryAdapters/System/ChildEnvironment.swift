/// What a program gets of this process's environment.
///
/// The tokens that measurements are asked for with stand there, and are no business of a hook, a
/// check, a mail program or Nginx.
package enum ChildEnvironment: Sendable {
  /// The usual variables, and those of these names.
  case usual(and: [String] = [])
  /// All of it: for canary itself.
  case all

  /// Paths, languages, terminals and places of services; nothing that opens a door.
  private static let usual: Set<String> = [
    "CANARY_CONFIG", "COLORTERM", "COLUMNS", "DBUS_SESSION_BUS_ADDRESS", "HOME", "HOSTNAME", "LANG",
    "LANGUAGE", "LD_LIBRARY_PATH", "LINES", "LOGNAME", "NO_COLOR", "PATH", "PWD", "SHELL",
    "SSL_CERT_DIR", "SSL_CERT_FILE", "TERM", "TMPDIR", "TZ", "TZDIR", "USER", "XDG_RUNTIME_DIR",
  ]

  /// The variables of `own` that the program gets.
  func table(_ own: [String: String]) -> [String: String] {
    switch self {
    case .all: own
    case .usual(let names):
      own.filter { name, _ in
        Self.usual.contains(name) || name.hasPrefix("LC_") || names.contains(name)
      }
    }
  }
}
