internal import CanaryCore
internal import CanaryHost

/// Text measured in cells of a terminal: Chinese characters take two.
enum TerminalText {
  /// The Unicode blocks of wide characters (UAX #11, W and F) that people commonly write.
  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF,
    0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF,
    0x20000...0x3FFFD,
  ]

  /// The width in cells.
  static func count(_ text: String) -> Int { text.reduce(0) { $0 + width($1) } }

  private static func width(_ character: Character) -> Int {
    guard let first = character.unicodeScalars.first else { return 0 }
    return wide.contains { $0.contains(first.value) } ? 2 : 1
  }

  /// The text cut to `cells`, with an ellipsis when something is missing.
  static func cut(_ text: String, to cells: Int) -> String {
    guard count(text) > cells else { return text }
    var out = ""
    var used = 1
    for character in text {
      used += width(character)
      if used > cells { break }
      out.append(character)
    }
    return cells > 0 ? out + "…" : ""
  }

  /// The text in at most `most` lines, broken at spaces; what does not fit is cut.
  static func wrap(_ text: String, to cells: Int, most: Int) -> [String] {
    var lines = [""]
    var words = text.split(separator: " ")[...]
    while let word = words.first, lines.count < most {
      let last = lines[lines.count - 1]
      let longer = last.isEmpty ? String(word) : "\(last) \(word)"
      if count(longer) <= cells || last.isEmpty {
        lines[lines.count - 1] = longer
        words = words.dropFirst()
      } else {
        lines.append("")
      }
    }
    lines[lines.count - 1] = ([lines[lines.count - 1]] + words.map(String.init))
      .filter { !$0.isEmpty }.joined(separator: " ")
    return lines.map { cut($0, to: cells) }
  }

  /// The text padded or cut to exactly `cells`; `isRight` aligns it right.
  static func column(_ text: String, _ cells: Int, isRight: Bool = false) -> String {
    let text = cut(text, to: cells)
    let space = String(repeating: " ", count: max(0, cells - count(text)))
    return isRight ? space + text : text + space
  }
}

/// One line, built from coloured pieces, never wider than the screen.
struct ScreenLine {
  /// Yellow and red belong to trouble, magenta and cyan to the pools.
  ///
  /// Nothing is shown by colour alone.
  enum Ink: String {
    case plain = ""
    case strong = "1"
    case dim = "2"
    case canary = "35"
    case stable = "36"
    case warning = "1;33"
    case bad = "1;31"
    case alarm = "1;7;31"
  }

  private(set) var text = ""
  private(set) var used = 0
  private let width: Int
  private let hasColour: Bool

  init(_ width: Int, hasColour: Bool) {
    self.width = width
    self.hasColour = hasColour
  }

  /// How many cells are left.
  var room: Int { width - used }

  /// Appends a piece, cut to the room that is left.
  mutating func add(_ piece: String, _ ink: Ink = .plain) {
    let cut = TerminalText.cut(piece, to: room)
    guard !cut.isEmpty else { return }
    used += TerminalText.count(cut)
    text += hasColour && ink != .plain ? "\u{1B}[\(ink.rawValue)m\(cut)\u{1B}[0m" : cut
  }

  /// Pads with spaces to that cell; does nothing beyond it.
  mutating func tab(_ cell: Int) {
    add(String(repeating: " ", count: max(0, min(cell, width) - used)))
  }
}

/// The columns of a check as bars of eight heights.
enum Sparkline {
  private static let bars = Array("▁▂▃▄▅▆▇█")

  /// One character a column, with how near its value is to the bound.
  ///
  /// The highest bar is the bound, or the highest value if that is larger. A check that says yes or
  /// no has dots, and a cross for each no.
  static func cells(_ columns: CheckColumns) -> [(character: Character, level: CheckColumns.Level)]
  {
    let values = columns.cells.compactMap { cell -> Double? in
      if case .value(let value) = cell, value.isFinite { value } else { nil }
    }
    let top = max(values.max() ?? 0, columns.check.condition.max ?? 0)
    return columns.cells.map { cell in
      let level = columns.level(cell)
      switch cell {
      case .none: return (" ", level)
      case .gap: return ("·", level)
      case .value(let value):
        if columns.isYesOrNo { return (level == .over ? "✗" : "·", level) }
        guard top > 0, value.isFinite else { return (bars[0], level) }
        let height = Int((max(0, value) / top * Double(bars.count - 1)).rounded())
        return (bars[min(bars.count - 1, height)], level)
      }
    }
  }
}
