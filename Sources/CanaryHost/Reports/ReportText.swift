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
    let checks = report.checkRows.map {
      "  \("stage \($0.stage + 1) (\($0.weight)%)".padded(to: 16))\($0.name.text.padded(to: 18))\($0.verdict.rawValue.padded(to: 14))\(Text.sanitized($0.detail, limit: 200))"
    }
    let events = report.entries.map { "  \(EntryReport.line($0))" }
    return
      ([title, Text.sanitized(report.headline, limit: 600)] + facts
      + (checks.isEmpty ? [] : ["what the checks last said"] + checks) + ["what happened"] + events)
      .joined(separator: "\n")
  }

  package var markdown: String {
    var lines = ["# \(Self.escaped(title))", "", "**\(Self.escaped(report.headline))**", ""]
    lines += ["| | |", "|---|---|"]
    lines += report.facts.map { "| \(Self.escaped($0.name)) | \(Self.escaped($0.value)) |" }
    if !report.checkRows.isEmpty {
      lines += [
        "", "## What the checks last said", "", "| stage | check | verdict | measured |",
        "|---|---|---|---|",
      ]
      lines += report.checkRows.map {
        "| \($0.stage + 1) (\($0.weight)%) | \(Self.escaped($0.name.text)): \(Self.escaped($0.rule)) | \($0.verdict.rawValue) | \(Self.escaped($0.detail)) |"
      }
    }
    lines += [
      "", "## What happened", "", "| time | event | weight | who | |", "|---|---|---|---|---|",
    ]
    lines += report.entries.map {
      "| \($0.time.iso8601) | \($0.event.rawValue) | \($0.weight.map { "\($0)%" } ?? "") | \(Self.escaped($0.actor.description)) | \(Self.escaped($0.detail ?? "")) |"
    }
    return lines.joined(separator: "\n")
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
