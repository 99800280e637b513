extension String {
  /// The text without spaces at its start and end.
  package var spaceless: String {
    String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }

  /// The text up to the end of its first line, without spaces around it.
  package var firstLine: String { String(prefix { !$0.isNewline }).spaceless }

  /// Pads the text with spaces to a width in characters; a negative width aligns it to the right.
  ///
  /// At least one space is added, so that neighbouring columns never touch.
  package func padded(to width: Int) -> String {
    let space = String(repeating: " ", count: max(1, abs(width) - count))
    return width < 0 ? space + self : self + space
  }
}
