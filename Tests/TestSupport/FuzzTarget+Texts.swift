internal import CanaryAdapters
internal import CanaryCore

struct ConfigTarget {
  let templates: TemplateSet

  func fault(_ bytes: [UInt8]) -> String? {
    let text = String(decoding: bytes, as: UTF8.self)
    let lines = bytes.count { $0 == 10 } + 1
    do throws(Problems) {
      let node = try ConfigFile.parse(text, name: "fuzz")
      let config: Config
      do throws(Problems) {
        config = try ConfigReader(file: "/etc/canary/canary.json5", zones: ZoneFiles.zone).read(
          node)
      } catch {
        throw error.placed(PathLines(text))
      }
      return Containment.faults(config, templates).first
    } catch {
      if error.isEmpty { return "refused without a fault" }
      for problem in error.list {
        if problem.rule.isEmpty || problem.description.utf8.count > 4000 {
          return "tells badly: \(problem.description.prefix(400))"
        }
        if let line = problem.line, !(1...lines).contains(line) {
          return "line \(line) of \(lines): \(problem.description.prefix(400))"
        }
      }
      return nil
    }
  }
}

struct JSONTarget {
  func fault(_ bytes: [UInt8]) -> String? {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let root = JSONAnswer.parse(text) else {
      return JSONAnswer.parse(text) == nil ? nil : "no JSON the first time, but the second"
    }
    if JSONAnswer.parse(text) != root { return "two parses differ" }
    return fault(root, root, "", 0)
  }

  /// What a pointer to a node does not find, or a number that is none.
  private func fault(_ node: Node, _ root: Node, _ pointer: String, _ depth: Int) -> String? {
    guard depth < 8 else { return nil }
    if JSONAnswer.at(pointer, in: root) != node { return "nothing at \(pointer.prefix(200))" }
    _ = (JSONAnswer.number(node), JSONAnswer.time(node), node.shown)
    switch node {
    case .table(let table):
      for (key, inner) in table.prefix(4) {
        // Not by characters: a mark may combine with what stands before it.
        let step = key.unicodeScalars.map { $0 == "~" ? "~0" : $0 == "/" ? "~1" : String($0) }
          .joined()
        if let fault = fault(inner, root, "\(pointer)/\(step)", depth + 1) { return fault }
      }
    case .list(let items):
      for (index, inner) in items.prefix(4).enumerated() {
        if let fault = fault(inner, root, "\(pointer)/\(index)", depth + 1) { return fault }
      }
    case .null, .bool, .number, .text: break
    }
    return nil
  }
}

/// The template that the input began as is replaced by it, or each of them in turn.
struct TemplateTarget {
  private let texts: [String: String]
  private let config: Config

  init() throws {
    let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }
    var texts: [String: String] = [:]
    for name in TemplateSet.names {
      texts[name] = try Files.read("\(root)/nginx-templates/\(name)")
    }
    self.texts = texts
    let path = "\(root)/Tests/Fuzz/corpus/config/every-key.json5"
    guard let text = try Files.read(path) else { throw SandboxError("no \(path)") }
    config = try ConfigReader(file: path, zones: ZoneFiles.zone).read(
      ConfigFile.parse(text, name: path))
  }

  func fault(_ bytes: [UInt8]) -> String? {
    let text = String(decoding: bytes, as: UTF8.self)
    let start = text.prefix(20)
    let origins = TemplateSet.names.filter { texts[$0]?.hasPrefix(start) == true }
    for name in origins.isEmpty ? TemplateSet.names : origins {
      var texts = texts
      texts[name] = text
      do throws(Problems) {
        let templates = try TemplateSet(texts)
        for service in config.services {
          let rules = Containment.rules(config, service, .all)
          _ = try templates.render(rules, in: config, generation: Generation(1))
        }
      } catch {
        let isTold = error.list.allSatisfy { !$0.path.isEmpty && !$0.rule.isEmpty }
        if error.isEmpty || !isTold { return "\(name) is refused without a fault" }
      }
    }
    return nil
  }
}

struct DumpTarget {
  func fault(_ bytes: [UInt8]) -> String? {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let inventory = NginxInventory(dump: text) else {
      return text.hasPrefix("# configuration file /etc/nginx/nginx.conf:\n")
        ? "a dump is taken for none" : nil
    }
    var lines: [String: Int] = [:]
    let mark = "\n# configuration file "
    for part in "\n\(text)".split(separator: mark, omittingEmptySubsequences: false).dropFirst() {
      let name = part.prefix { $0 != ":" && $0 != "\n" }
      lines[String(name), default: 0] = max(lines[String(name)] ?? 0, part.utf8.count { $0 == 10 })
    }
    for statement in inventory.all {
      if let most = lines[statement.file], !(1...max(1, most)).contains(statement.line) {
        return "\(statement.place) of \(most) lines"
      }
      if !inventory.files.contains(statement.file) { return "\(statement.place) is of no file" }
    }
    for proxy in inventory.proxies.prefix(8) {
      _ = (proxy.module, proxy.target, proxy.location)
      for said in inventory.inherited("proxy_read_timeout", proxy) {
        if !inventory.all.contains(said) { return "\(said.place) was never said" }
      }
    }
    return nil
  }
}
