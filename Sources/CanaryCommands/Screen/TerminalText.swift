internal import CanaryCore

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
  /// The canary is yellow and stable is cyan, which colour-blind eyes tell apart; nothing is shown
  /// by colour alone.
  enum Ink: String {
    case plain = ""
    case strong = "1"
    case dim = "2"
    case canary = "33"
    case stable = "36"
    case good = "32"
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

/// Values as bars of eight heights.
enum Sparkline {
  private static let bars = Array("▁▂▃▄▅▆▇█")

  /// The last values, one per cell; `·` for those that are not numbers.
  ///
  /// The highest bar is the bound, or the highest value if that is larger.
  static func text(_ values: [Double?], bound: Double?, cells: Int) -> String {
    let shown = values.suffix(max(0, cells))
    let finite = shown.compactMap { $0.flatMap { $0.isFinite ? $0 : nil } }
    let top = max(finite.max() ?? 0, bound ?? 0)
    return String(
      shown.map { value -> Character in
        guard let value, value.isFinite else { return "·" }
        guard top > 0 else { return bars[0] }
        let level = Int((max(0, value) / top * Double(bars.count - 1)).rounded())
        return bars[min(bars.count - 1, level)]
      })
  }
}
