package import CanaryCore
internal import FoundationEssentials

/// Finds and reads the config of this host.
package enum ConfigFile {
  /// Where the config is searched, in order, when `--config` does not name one.
  package static func places(environment: [String: String]) -> [String] {
    if let named = environment["CANARY_CONFIG"], !named.isEmpty { return [named] }
    return ["./canary.json5", "/etc/canary/canary.json5"]
  }

  /// The config to read: the one named, otherwise the first that exists; throws where it searched.
  ///
  /// Relative paths become absolute.
  package static func find(named: String?, environment: [String: String]) throws(Problems) -> String
  {
    if let named { return absolute(named) }
    let places = places(environment: environment)
    if places.count == 1 { return absolute(places[0]) }
    for place in places where Files.exists(place) { return absolute(place) }
    throw Problems([
      Problem(
        "config",
        "was not found: looked for \(places.joined(separator: " and ")); name one with --config FILE or $CANARY_CONFIG"
      )
    ])
  }

  /// Reads and checks the file; throws every fault at once.
  ///
  /// With `service`, reads none of the others, if there is that one.
  package static func read(_ path: String, only service: String? = nil) throws(Problems) -> Config {
    let whole = try text(of: path)
    let text = service.flatMap { ConfigExcerpt.text(whole, keeping: $0) } ?? whole
    let node = try parse(text, name: path)
    do throws(Problems) {
      return try ConfigReader(file: path, zones: ZoneFiles.zone).read(node)
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
    guard let text else { throw Problems([Problem(path, "is not there")]) }
    return text
  }

  /// Parses JSON5 text; throws the place of the first fault in the syntax.
  package static func parse(_ text: String, name: String) throws(Problems) -> Node {
    let decoder = JSONDecoder()
    decoder.allowsJSON5 = true
    do {
      return try decoder.decode(DecodedNode.self, from: Data(text.utf8)).node
    } catch let DecodingError.dataCorrupted(context) {
      let inner =
        (context.underlyingError as? CocoaError)?.userInfo["NSDebugDescription"] as? String
      let near = PathLines(text).fault.map { ", near line \($0)" } ?? ""
      throw Problems([
        Problem(name, "is not valid JSON5\(near): \(inner ?? context.debugDescription)")
      ])
    } catch {
      throw Problems([Problem(name, "is not valid JSON5")])
    }
  }

  /// Parses strict JSON, such as a server's answer; nil when it is not JSON.
  package static func json(_ text: String) -> Node? {
    try? JSONDecoder().decode(DecodedNode.self, from: Data(text.utf8)).node
  }

  private static func absolute(_ path: String) -> String {
    let whole = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    return ConfigReader.normal(whole) ?? whole
  }
}

/// Decodes a JSON5 value of any type.
private struct DecodedNode: Decodable {
  let node: Node

  /// Deeper than any config and any answer; Foundation takes longer for each level the more there are.
  private static let deepest = 32

  init(from decoder: any Decoder) throws {
    guard decoder.codingPath.count <= Self.deepest else {
      throw DecodingError.dataCorrupted(
        DecodingError.Context(
          codingPath: [], debugDescription: "nested deeper than \(Self.deepest) levels"))
    }
    if let table = try? decoder.container(keyedBy: AnyKey.self) {
      var values: [String: Node] = [:]
      for key in table.allKeys {
        values[key.stringValue] = try table.decode(DecodedNode.self, forKey: key).node
      }
      node = .table(values)
      return
    }
    if var list = try? decoder.unkeyedContainer() {
      var values: [Node] = []
      while !list.isAtEnd { values.append(try list.decode(DecodedNode.self).node) }
      node = .list(values)
      return
    }
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      node = .null
    } else if let bool = try? value.decode(Bool.self) {
      node = .bool(bool)
    } else if let number = try? value.decode(Double.self) {
      node = .number(number)
    } else {
      node = .text(try value.decode(String.self))
    }
  }

  private struct AnyKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}
