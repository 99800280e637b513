/// What decides a request before, after or besides canary's lines.
extension LocationAudit {
  /// Whether the rewrite phase of the location ends here, and the request stays in the location.
  private static func endsPhase(_ statement: NginxStatement) -> Bool {
    statement.name == "break" || statement.name == "rewrite" && statement.words.last == "break"
  }

  /// Whether every request leaves the location here.
  private static func takesAll(_ statement: NginxStatement) -> Bool {
    if statement.name == "return" { return true }
    guard statement.name == "rewrite", statement.words.count == 4 else { return false }
    return ["last", "redirect", "permanent"].contains(statement.words[3])
      && ["^", "^/", ".*", "^.*", "^.*$", "(.*)", "^(.*)$", "^/(.*)$", "^/(.*)", "^(.*)"].contains(
        statement.words[1])
  }

  private static let ofRewrite: Set<String> = [
    "set", "if", "break", "return", "rewrite", "rewrite_log", "uninitialized_variable_warn",
  ]

  mutating func lookAtRewrites(_ site: Site) {
    let asFirst = "make `\(Self.line(site.include))` the first line of the location"
    let decides = site.said.contains { $0.name == "if" }
    for index in site.beside where index != site.index {
      let statement = all[index]
      let isBefore = index < site.index
      if Self.takesAll(statement) {
        add(
          site.target.service, statement,
          "takes every request of this location, so none reaches a pool",
          "take it out, or put the include elsewhere", isFault: true)
      }
      let ends = [statement] + (statement.name == "if" ? inside(statement) : [])
      if isBefore, let end = ends.first(where: Self.endsPhase) {
        add(
          site.target.service, end,
          "comes before canary's include (line \(site.include.line)) and ends the rewrites, so for the requests that it fits canary's lines never run: they fail or meet no canary, and neither brake nor revert can move them",
          asFirst, isFault: true)
      }
      guard statement.name == "if" else { continue }
      let rest = inside(statement).filter { !Self.ofRewrite.contains($0.name) }
      if isBefore, decides, let lost = rest.first(where: { !Self.passes.contains($0.name) }) {
        add(
          site.target.service, lost,
          "stands in an `if` before canary's include (line \(site.include.line)), and the last `if` that fits decides: where one of canary's own fits, this line is lost",
          asFirst, isFault: true)
      }
      if !isBefore, site.isStatic {
        add(
          site.target.service, statement,
          "comes after canary's include, and the last `if` that fits decides: the requests that it fits never meet the canary",
          "say the same without `if`, by a `map`", isFault: true)
      }
    }
  }

  private static let handlers: Set<String> = passes.union([
    "content_by_lua", "content_by_lua_block", "content_by_lua_file", "js_content", "perl",
    "empty_gif", "stub_status", "flv", "mp4", "hls",
  ])

  /// What answers in the place of the pools.
  mutating func lookAtHandlers(_ site: Site) {
    for index in site.beside where index != site.index {
      let statement = all[index]
      switch statement.name {
      case "try_files" where site.said.contains { $0.name == "if" }:
        let file = site.target.path
        let named = "@\(site.target.service)"
        var words = statement.words.dropLast()
        words.append(named)
        add(
          site.target.service, statement,
          "stands beside canary's include: Nginx skips it for the requests that an `if` of canary's fits, so some are served from files and others are not",
          "end it in a named location, `\(words.joined(separator: " "));`, and put the include there: `location \(named) { include \(file); }`",
          isFault: true)
      case "limit_except":
        let lets = inside(statement).contains {
          $0.name == "allow" || $0.name.hasPrefix("auth_") || $0.name == "satisfy"
        }
        if lets {
          add(
            site.target.service, statement,
            "has directives of its own for other methods, where canary's lines do not run: the requests that it lets through fail or meet no canary",
            "put those methods into a location of their own", isFault: true)
        }
      case "if":
        for other in inside(statement) where Self.handlers.contains(other.name) {
          add(
            site.target.service, other,
            "takes the requests of its `if` away from both pools: they meet no canary and no brake, and their failures count for no pool",
            "take it out, or leave it if that is meant", isFault: false)
        }
      default:
        guard Self.handlers.contains(statement.name) else { continue }
        add(
          site.target.service, statement,
          "stands beside canary's include, which passes requests on itself, and only one of the two can",
          "take it out", isFault: true)
      }
    }
  }
}
