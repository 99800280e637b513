extension String {
  /// Without spaces at its ends.
  package var spaceless: String {
    String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }

  /// The text in a column that is so wide, with a space to its neighbour in any case; a negative width aligns right.
  package func padded(to width: Int) -> String {
    let space = String(repeating: " ", count: max(1, abs(width) - count))
    return width < 0 ? space + self : self + space
  }
}
