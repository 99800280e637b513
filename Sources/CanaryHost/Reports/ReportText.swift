internal import CanaryCore

/// A report as plain text for the terminal, and as Markdown for a ticket.
package struct ReportText {
  private let report: RolloutReport

  package init(_ report: RolloutReport) { self.report = report }

  private var title: String {
    "\(report.service), rollout \(report.rollout.number)"
  }

  package var plain: String {
    let width = (report.facts.map(\.name.count).max() ?? 0) + 2
    let facts = report.facts.map {
      "  \($0.name.padded(to: width))\(Text.sanitized($0.value, limit: 400))"
    }
    let events = report.news.entries.map { "  \(EntryReport.line($0))" }
    return
      ([title, Text.sanitized(report.headline, limit: 600)] + facts + matrix + ["what happened"]
      + events + (folded.map { ["  \($0)"] } ?? []))
      .joined(separator: "\n")
  }

  /// The checks by their stages, and what is to be said of those that did not pass.
  private var matrix: [String] {
    let matrix = report.matrix
    guard !matrix.rows.isEmpty else { return [] }
    let width = (matrix.rows.map(\.name.text.count).max() ?? 0) + 2
    let heads = matrix.stages.map { "\($0.index + 1): \($0.weight)%".padded(to: 14) }.joined()
    return ["what the checks last said, by stage", "  " + "".padded(to: width) + heads]
      + matrix.rows.map { row in
        let cells = row.cells.map { cell in
          (cell.map { "\(Wording.mark($0.verdict)) \($0.verdict.rawValue)" } ?? "").padded(to: 14)
        }
        return "  " + row.name.text.padded(to: width) + cells.joined()
      }
      + report.troubles.map { "  \($0.place): \(Text.sanitized($0.text, limit: 200))" }
  }

  /// What the list of events leaves out.
  private var folded: String? {
    let count = report.news.verdicts
    guard count > 0 else { return nil }
    return
      "and \(count) \(count == 1 ? "change" : "changes") of a verdict; all: canary history \(report.service)"
  }

  package var markdown: String {
    var lines = ["# \(Self.escaped(title))", "", "**\(Self.escaped(report.headline))**", ""]
    lines += ["| | |", "|---|---|"]
    lines += report.facts.map { "| \(Self.escaped($0.name)) | \(Self.escaped($0.value)) |" }
    let matrix = report.matrix
    if !matrix.rows.isEmpty {
      let heads = matrix.stages.map { "\($0.index + 1) (\($0.weight)%)" }
      lines += [
        "", "## What the checks last said", "", "| check | \(heads.joined(separator: " | ")) |",
        "|---|\(heads.map { _ in "---|" }.joined())",
      ]
      lines += matrix.rows.map { row in
        let cells = row.cells.map { $0?.verdict.rawValue ?? "" }.joined(separator: " | ")
        return "| \(Self.escaped(row.name.text)): \(Self.escaped(row.rule)) | \(cells) |"
      }
      let troubles = report.troubles
      if !troubles.isEmpty { lines.append("") }
      lines += troubles.map { "- \(Self.escaped($0.place)): \(Self.escaped($0.text))" }
    }
    lines += [
      "", "<details><summary>What happened</summary>", "", "| time | event | weight | who | |",
      "|---|---|---|---|---|",
    ]
    lines += report.entries.map {
      "| \($0.time.iso8601) | \($0.event.rawValue) | \($0.weight.map { "\($0)%" } ?? "") | \(Self.escaped($0.actor.description)) | \(Self.escaped($0.detail ?? "")) |"
    }
    return (lines + ["", "</details>"]).joined(separator: "\n")
  }

  /// Foreign text escaped so that it cannot become a cell, a link or markup; cut to 600 characters.
  package static func escaped(_ text: String) -> String {
    var out = ""
    for character in Text.sanitized(text, limit: 600) {
      if "\\`*_{}[]<>#|!~&".contains(character) { out += "\\" }
      out.append(character)
    }
    return out
  }
}
