/// Looks for a text in another one, in a time that grows with their lengths only.
enum ByteSearch {
  /// Whether the text contains the other one, byte by byte.
  ///
  /// By the failure function of Knuth, Morris and Pratt, so that no text of others makes it slow.
  static func contains(_ text: String, _ wanted: String) -> Bool {
    let wanted = Array(wanted.utf8)
    guard !wanted.isEmpty else { return true }
    var back = [Int](repeating: 0, count: wanted.count)
    var matched = 0
    for index in wanted.indices.dropFirst() {
      while matched > 0, wanted[index] != wanted[matched] { matched = back[matched - 1] }
      if wanted[index] == wanted[matched] { matched += 1 }
      back[index] = matched
    }
    matched = 0
    for byte in text.utf8 {
      while matched > 0, byte != wanted[matched] { matched = back[matched - 1] }
      if byte == wanted[matched] { matched += 1 }
      if matched == wanted.count { return true }
    }
    return false
  }
}
