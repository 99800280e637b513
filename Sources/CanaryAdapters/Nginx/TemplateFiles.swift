package import CanaryCore
internal import NginxTemplates
internal import Synchronization

/// The templates in use: the built-in ones, each replaced by a file with its name in your own
/// folder.
package enum TemplateFiles {
  /// Reads and parses all templates; throws every fault of the folder, or of the templates.
  package static func load(folder: String?) throws(Problems) -> TemplateSet {
    var texts = NginxTemplates.files.mapValues { String(decoding: $0, as: UTF8.self) }
    if let folder {
      guard Files.isFolder(folder) else {
        throw Problems([
          Problem(
            "templates", found: folder,
            "must be a folder with \(TemplateSet.names.joined(separator: ", "))")
        ])
      }
      var faults = Problems()
      for name in TemplateSet.names {
        do throws(FileError) {
          if let text = try Files.read("\(folder)/\(name)", limit: 1 << 20) { texts[name] = text }
        } catch {
          faults.add(Problem("templates", error.description))
        }
      }
      guard faults.isEmpty else { throw faults }
    }
    return try TemplateSet(texts)
  }

  /// The template of the status page's server, which belongs to no service.
  package static func page(folder: String?) throws(Problems) -> Template {
    var text = String(decoding: NginxTemplates.files["page.conf"] ?? [], as: UTF8.self)
    do throws(FileError) {
      if let folder, let own = try Files.read("\(folder)/page.conf", limit: 1 << 20) { text = own }
    } catch {
      throw Problems([Problem("templates", error.description)])
    }
    return try Template(text, name: "page.conf")
  }
}

/// Templates that are read when first needed: a brake needs none.
package final class LazyTemplates: Sendable {
  private let folder: String?
  private let loaded = Mutex<Result<TemplateSet, Problems>?>(nil)

  package init(folder: String?) { self.folder = folder }

  /// The templates; throws their faults at every call, without reading them again.
  package func load() throws(Problems) -> TemplateSet {
    try loaded.withLock { loaded throws(Problems) in
      if let loaded { return try loaded.get() }
      let result = Result { () throws(Problems) in try TemplateFiles.load(folder: folder) }
      loaded = result
      return try result.get()
    }
  }
}
