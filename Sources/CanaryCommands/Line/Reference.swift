internal import CanaryCore

/// `canary __reference`: the docs of keys, commands and JSON, generated from the program.
enum Reference {
  /// The part of the docs; nil for an unknown name.
  static func text(_ what: String) -> String? {
    switch what {
    case "config": ConfigTable.all.map(ConfigReference.section).joined(separator: "\n\n")
    case "schema": ConfigSchema.json.pretty
    case "cli": cli
    case "json": JSONReference.text
    default: nil
    }
  }

  /// Every visible command with its options, as Markdown.
  private static var cli: String {
    Program.visible.map { command in
      let spec = command.spec
      let rows = spec.options.map { option in
        "| `\(option.name)\(option.value.map { " \($0)" } ?? "")` | \(cell(option.help)) |"
      }
      let details = spec.details.isEmpty ? [] : ["", spec.details]
      let table = rows.isEmpty ? [] : ["", "| option | |", "|---|---|"] + rows
      return
        ([
          "### `\(spec.usage)`", "",
          "\(spec.summary.prefix(1).uppercased())\(spec.summary.dropFirst()).",
        ]
        + details + table).joined(separator: "\n")
    }.joined(separator: "\n\n")
  }

  /// The text, safe in a cell of a Markdown table.
  static func cell(_ text: String) -> String { text.replacing("|", with: "\\|") }
}

/// The config's tables as Markdown.
enum ConfigReference {
  static func section(_ table: ConfigTable) -> String {
    let rows = table.fields.map { field in
      let usual = field.isNeeded ? "**needed**" : field.usual.map(Reference.cell) ?? "–"
      return
        "| `\(field.key)` | \(words(field.shape)) | \(usual) | \(Reference.cell(field.meaning)) |"
    }
    return
      (["### \(table.title)", "", "| key | value | without it | meaning |", "|---|---|---|---|"]
      + rows)
      .joined(separator: "\n")
  }

  private static func words(_ shape: ConfigTable.Shape) -> String {
    switch shape {
    case .text: "text"
    case .bool: "true, false"
    case .number: "number"
    case .integer: "whole number"
    case .duration: "duration"
    case .share: "share"
    case .texts: "list of texts"
    case .choice(let words): words.map { "`\($0)`" }.joined(separator: ", ")
    case .table(let table): "[\(table.title)](#\(anchor(table)))"
    case .named(let inner): "by name: \(words(inner))"
    case .list(let inner): "list: \(words(inner))"
    case .oneOrMore(let inner): "\(words(inner)), or a list"
    case .either(let shapes): shapes.map(words).joined(separator: " or ")
    case .no: "`false`"
    }
  }

  /// The anchor that Git hosts make from the table's heading.
  private static func anchor(_ table: ConfigTable) -> String {
    table.title.lowercased().filter { $0.isLetter || $0.isNumber || "_- ".contains($0) }
      .replacing(" ", with: "-")
  }
}

/// The config as a JSON Schema (draft 2020-12), for editors.
///
/// Bounds of values are left to the program.
enum ConfigSchema {
  static var json: JSON {
    .table([
      ("$schema", .text("https://json-schema.org/draft/2020-12/schema")),
      ("title", .text("canary")), ("$ref", .text(reference(.top))),
      (
        "$defs",
        .table((ConfigTable.all + [.override]).map { (name($0), definition($0)) })
      ),
    ])
  }

  private static func name(_ table: ConfigTable) -> String {
    table.title.filter { $0.isLetter || $0.isNumber || $0 == "." || $0 == "_" }
  }

  private static func reference(_ table: ConfigTable) -> String { "#/$defs/\(name(table))" }

  private static func definition(_ table: ConfigTable) -> JSON {
    .table([
      ("type", .text("object")), ("additionalProperties", .bool(false)),
      ("required", .list(table.fields.filter(\.isNeeded).map { .text($0.key) })),
      (
        "properties",
        .table(
          table.fields.map { field in
            let usual = field.usual.map { " Without it: \($0)." } ?? ""
            return (
              field.key,
              .table(
                schema(field.shape) + [("description", .text("\(field.meaning).\(usual)"))])
            )
          })
      ),
    ])
  }

  private static func schema(_ shape: ConfigTable.Shape) -> [(String, JSON)] {
    switch shape {
    case .text: [("type", .text("string"))]
    case .bool: [("type", .text("boolean"))]
    case .number: [("type", .text("number"))]
    case .integer: [("type", .text("integer"))]
    case .duration:
      [("type", .text("string")), ("pattern", .text("^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+$"))]
    case .share: [("type", .list([.text("string"), .text("number")]))]
    case .texts:
      [("type", .text("array")), ("items", .table([("type", .text("string"))]))]
    case .choice(let words): [("enum", .list(words.map(JSON.text)))]
    case .table(let table): [("$ref", .text(reference(table)))]
    case .named(let inner):
      [("type", .text("object")), ("additionalProperties", .table(schema(inner)))]
    case .list(let inner): [("type", .text("array")), ("items", .table(schema(inner)))]
    case .oneOrMore(let inner):
      [("anyOf", .list([.table(schema(inner)), .table(schema(.list(inner)))]))]
    case .either(let shapes): [("anyOf", .list(shapes.map { .table(schema($0)) }))]
    case .no: [("const", .bool(false))]
    }
  }
}
