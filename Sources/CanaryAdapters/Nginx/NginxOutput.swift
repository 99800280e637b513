internal import CanaryCore

/// Extracts faults from what Nginx prints and logs.
package enum NginxOutput {
  /// The faults in an output on one line, with Nginx's own file and line; at most five.
  ///
  /// Without any marked as a fault, the last three lines.
  package static func faults(in output: String) -> String {
    let lines = output.split(separator: "\n").map(String.init)
    let marks = ["[emerg]", "[alert]", "[crit]", "[error]"]
    let told = lines.filter { line in marks.contains { line.contains($0) } }.map { line in
      // "nginx: [emerg] host not found …" or "2026/11/21 02:56:07 [emerg] 17#17: host not found …"
      guard let close = line.firstIndex(of: "]") else { return line }
      var rest = line[line.index(after: close)...].drop { $0 == " " }
      if let colon = rest.firstIndex(of: ":"), rest[..<colon].contains("#") {
        rest = rest[rest.index(after: colon)...].drop { $0 == " " }
      }
      return String(rest)
    }
    var seen: Set<String> = []
    let unique = (told.isEmpty ? Array(lines.suffix(3)) : told).filter { seen.insert($0).inserted }
    let advice =
      unique.contains { $0.contains("unknown directive \"userid") }
      ? [
        "this Nginx was built without its userid module, which sets the cookie of `sticky: \"user\"`: choose another key"
      ] : []
    let text = HiddenValues.hidden((unique.prefix(5) + advice).joined(separator: "; "))
    return Text.sanitized(text, limit: 1000)
  }
}
