package import CanaryCore
internal import FoundationEssentials

/// Finds and reads the config of this host.
package enum ConfigFile {
  /// Where it is on a host that has one.
  package static let usual = "/etc/canary/canary.json5"

  /// Where the config is searched, in order, when `--config` does not name one.
  package static func places(environment: [String: String]) -> [String] {
    if let named = environment["CANARY_CONFIG"], !named.isEmpty { return [named] }
    return ["./canary.json5", usual]
  }

  /// The config to read: the one named, otherwise the first that exists; throws where it searched.
  ///
  /// Relative paths become absolute.
  package static func find(named: String?, environment: [String: String]) throws(Problems) -> String
  {
    if let named { return absolute(named) }
    let places = places(environment: environment)
    if places.count == 1 { return absolute(places[0]) }
    var passedOver: String?
    for place in places where Files.exists(place) {
      let path = absolute(place)
      // Whoever put it there chose the programs that would run with your rights.
      guard place.hasPrefix("./"), let (fault, cure) = Trust.stranger(path) else { return path }
      passedOver =
        "\(path) is not used, because \(fault), and it names programs that run with your rights. If it is right as it is: \(cure)"
    }
    if let passedOver { throw Problems([Problem("config", passedOver)]) }
    throw Problems([
      Problem(
        "config",
        "was not found: looked for \(places.joined(separator: " and ")); name one with --config FILE or $CANARY_CONFIG, or let canary init write one"
      )
    ])
  }

  /// The same, or its usual place where there is none: its folder says where the rest may be.
  package static func place(named: String?, environment: [String: String]) -> String {
    (try? find(named: named, environment: environment)) ?? usual
  }

  /// Reads and checks the file; throws every fault at once.
  ///
  /// With `service`, reads none of the others, if there is that one.
  ///
  /// As root, a file that others may write is refused: it names programs.
  package static func read(_ path: String, only service: String? = nil) throws(Problems) -> Config {
    if ThisProcess.isRoot, Files.isPlain(path), let (fault, cure) = Trust.stranger(path) {
      throw Problems([
        Problem(
          path,
          "is not believed as root, because it names programs and \(fault). If it is right as it is: \(cure)"
        )
      ])
    }
    let whole = try text(of: path)
    let text = service.flatMap { ConfigExcerpt.text(whole, keeping: $0) } ?? whole
    // What is read for one service is read for its revert, which no such slip may stop.
    let node = try parse(text, name: path, isLenient: service != nil)
    do throws(Problems) {
      var config = try ConfigReader(file: path, zones: ZoneFiles.zone).read(node)
      config.digest = Digest.sha256(whole)
      return config
    } catch {
      throw error.placed(PathLines(text))
    }
  }

  private static func text(of path: String) throws(Problems) -> String {
    let text: String?
    do throws(FileError) {
      text = try Files.read(path, limit: 8 << 20)
    } catch {
      throw Problems([Problem(path, error.description)])
    }
    guard let text else {
      throw Problems([
        Problem(
          path, "is not there: correct --config or $CANARY_CONFIG, or let canary init write one")
      ])
    }
    return text
  }

  /// More values than 10,000 services have.
  private static let mostNodes = 2_000_000

  /// Parses JSON5 text; throws the place of the first fault in the syntax, or each key that stands
  /// twice in its table.
  ///
  /// With `isLenient`, the first of such keys counts.
  package static func parse(_ text: String, name: String, isLenient: Bool = false)
    throws(Problems) -> Node
  {
    let read: (node: Node, twice: [JSONReader.Twice])
    do throws(JSONReader.Fault) {
      read = try JSONReader.read(text, .json5, mostNodes: mostNodes)
    } catch {
      throw Problems([
        Problem(
          name,
          "is not valid JSON5, near line \(error.line), column \(error.column): \(error.reason)\(excerpt(text, error))"
        )
      ])
    }
    guard isLenient || read.twice.isEmpty else {
      throw Problems(
        read.twice.map { key in
          var problem = Problem(
            key.path, "stands twice, in lines \(key.first) and \(key.second): remove one of them")
          problem.line = key.second
          return problem
        })
    }
    return read.node
  }

  /// The line of the fault and the one before it, with a mark below the column.
  private static func excerpt(_ text: String, _ fault: JSONReader.Fault) -> String {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let first = max(1, fault.line - 1)
    guard fault.line <= lines.count, fault.column <= 100 else { return "" }
    let rows = (first...fault.line).map { number in
      let row = Text.sanitized(String(lines[number - 1].prefix(110)), limit: 110)
      return
        "\n    \(String(repeating: " ", count: max(0, 5 - "\(number)".count)))\(number) | \(row)"
    }
    let mark = String(repeating: " ", count: fault.column - 1)
    return rows.joined() + "\n          | \(mark)^"
  }

  private static func absolute(_ path: String) -> String {
    let whole = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    return ConfigReader.normal(whole) ?? whole
  }
}
