internal import CanaryCore

/// A report as one self-contained HTML file: no script, font or picture from outside.
package struct ReportPage {
  private let report: RolloutReport

  package init(_ report: RolloutReport) { self.report = report }

  /// The most points of a chart: what a line of its width can show.
  private static let points = 240

  package var html: String {
    let title = "\(report.service), rollout \(report.rollout.number)"
    let facts = report.facts.map {
      "<dt>\(Self.escaped($0.name))</dt><dd>\(Self.escaped($0.value))</dd>"
    }
    return """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
      <title>\(Self.escaped(title)): \(Self.escaped(report.rollout.result.rawValue))</title>
      <style>\(Self.style)</style>
      </head>
      <body>
      <main>
      <header class="\(report.rollout.result.rawValue)">
      <p>\(Self.escaped(title))</p>
      <h1>\(Self.escaped(report.headline))</h1>
      </header>
      <dl>\(facts.joined(separator: "\n"))</dl>
      \(charts)
      \(checks)
      \(events)
      </main>
      </body>
      </html>

      """
  }

  // MARK: charts

  private var charts: String {
    let columns = report.columns(Self.points)
    guard columns.count > 1 else { return "" }
    let chart = ReportChart(columns: columns, report: report)
    let rate = { (counts: PoolCounts) -> Double? in
      counts.requests > 0 ? Double(counts.failures) / Double(counts.requests) * 100 : nil
    }
    let late = { (counts: PoolCounts) in counts.latency.quantile(0.99).map { $0 * 1000 } }
    let flow = { (counts: PoolCounts, length: Span) -> Double? in
      Double(counts.requests) / length.seconds
    }
    return """
      <h2>Over time</h2>
      <p class="legend"><span class="canary">canary \(Self.escaped(report.rollout.to.text))</span> <span class="stable">stable \(Self.escaped(report.rollout.from.text))</span> times in UTC</p>
      \(chart.weights)
      \(chart.lines("Failed tries", "%", { rate($0.canary) }, { rate($0.stable) }))
      \(chart.lines("p99", "ms", { late($0.canary) }, { late($0.stable) }))
      \(chart.lines("Requests a second", "", { flow($0.canary, $0.length) }, { flow($0.stable, $0.length) }))
      """
  }

  // MARK: tables

  /// The checks by their stages, and what is to be said of those that did not pass.
  private var checks: String {
    let matrix = report.matrix
    guard !matrix.rows.isEmpty else { return "" }
    let rows = matrix.rows.map { row in
      let cells = row.cells.map { cell in
        guard let cell else { return "<td></td>" }
        return
          "<td class=\"\(cell.verdict.rawValue)\">\(Wording.mark(cell.verdict)) \(cell.verdict.rawValue)<small>\(Self.escaped(cell.detail))</small></td>"
      }
      return
        "<tr><th scope=\"row\">\(Self.escaped(row.name.text))<small>\(Self.escaped(row.rule))</small></th>\(cells.joined())</tr>"
    }
    let troubles = report.troubles.map {
      "<li><b>\(Self.escaped($0.place))</b>: \(Self.escaped($0.text))</li>"
    }
    let heads = ["check"] + matrix.stages.map { "stage \($0.index + 1) (\($0.weight)%)" }
    return "<h2>What the checks last said</h2>\n"
      + (troubles.isEmpty ? "" : "<ul>\(troubles.joined(separator: "\n"))</ul>\n")
      + Self.table("What the checks last said", heads, rows)
  }

  private var events: String {
    let rows = report.entries.map { entry in
      """
      <tr><td><time>\(entry.time.iso8601)</time></td><th scope="row">\(Self.escaped(entry.event.rawValue))</th><td>\(entry.weight.map { "\($0)%" } ?? "")</td>\
      <td>\(Self.escaped(entry.actor.description))</td><td>\(Self.escaped(entry.detail ?? ""))</td></tr>
      """
    }
    let table = Self.table("What happened", ["time", "event", "weight", "who", "what"], rows)
    return "<details><summary>What happened (\(rows.count) entries)</summary>\n\(table)\n</details>"
  }

  private static func table(_ title: String, _ heads: [String], _ rows: [String]) -> String {
    let head = heads.map { "<th scope=\"col\">\($0)</th>" }.joined()
    return """
      <div class="wide" tabindex="0" role="region" aria-label="\(title)"><table><thead><tr>\(head)</tr></thead><tbody>
      \(rows.joined(separator: "\n"))
      </tbody></table></div>
      """
  }

  /// Foreign text escaped for an element or an attribute; cut to 1000 characters.
  package static func escaped(_ text: String) -> String {
    var out = ""
    for character in Text.sanitized(text, limit: 1000) {
      switch character {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "'": out += "&#39;"
      default: out.append(character)
      }
    }
    return out
  }

  /// Purple and blue, as on the status page: red belongs to trouble; the canary's line is also
  /// thicker.
  private static let style = """
    :root { color-scheme: light dark; --ink: #1a1a1a; --dim: #595959; --paper: #fff; --rule: #d0d0d0; --canary: #a3148a; --stable: #00609a; --bad: #a8071a; --good: #1d6b1d; }
    @media (prefers-color-scheme: dark) { :root { --ink: #ececec; --dim: #a8a8a8; --paper: #16181b; --rule: #3a3d42; --canary: #f08fdc; --stable: #6cb8ee; --bad: #ff8a8a; --good: #7fd17f; } }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
    main { max-width: 72rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
    header { border-left: .4rem solid var(--stable); padding-left: 1rem; }
    header.reverted, header.stopped { border-color: var(--bad); } header.promoted { border-color: var(--good); }
    header p { margin: 0; color: var(--dim); } h1 { margin: .2rem 0 0; font-size: 1.35rem; line-height: 1.3; overflow-wrap: anywhere; } h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; }
    dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .2rem 1.2rem; margin: 1.2rem 0; } dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
    @media (max-width: 30rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .5rem; } }
    figure { margin: 0 0 1rem; overflow-x: auto; } figcaption { color: var(--dim); font-size: .9rem; } svg { display: block; width: 100%; min-width: 44rem; height: auto; }
    svg text { fill: var(--dim); font: 11px system-ui, sans-serif; } svg .axis { stroke: var(--rule); } svg .mark { stroke: var(--bad); stroke-dasharray: 4 3; }
    svg polyline { fill: none; stroke-linejoin: round; } svg .canary { stroke: var(--canary); stroke-width: 2.4; } svg .stable { stroke: var(--stable); stroke-width: 1.4; } svg .weight { fill: var(--canary);
      fill-opacity: .25; stroke: var(--canary); }
    .legend span::before { content: ""; display: inline-block; width: 1.6em; border-top: .25em solid currentColor; margin-right: .4em; vertical-align: middle; } .legend .canary { color: var(--canary); }
      .legend .stable { color: var(--stable); margin: 0 1em; }
    .wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; min-width: 40rem; font-size: .92rem; } td, th { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0;
      border-bottom: 1px solid var(--rule); font-weight: normal; }
    thead th { color: var(--dim); } tbody th { font-weight: 600; } small { display: block; color: var(--dim); font-weight: normal; } time { white-space: nowrap; font-variant-numeric: tabular-nums; }
      td.fail { color: var(--bad); font-weight: 600; }
    summary { margin: 2rem 0 .5rem; font-size: 1.1rem; font-weight: 700; cursor: pointer; } li { overflow-wrap: anywhere; }
    """
}
