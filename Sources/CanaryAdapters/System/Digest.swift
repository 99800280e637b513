internal import CCrypto

/// Digests by OpenSSL; as text they are lower-case hexadecimal.
package enum Digest {
  package static func sha256(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var out = [UInt8](repeating: 0, count: 32)
    EVP_Digest(bytes, bytes.count, &out, nil, EVP_sha256(), nil)
    return hex(out)
  }

  /// HMAC-SHA-256 (RFC 2104), as raw bytes.
  package static func hmac(_ text: String, key: String) -> [UInt8] {
    let (bytes, secret) = (Array(text.utf8), Array(key.utf8))
    var out = [UInt8](repeating: 0, count: 32)
    HMAC(EVP_sha256(), secret, Int32(secret.count), bytes, bytes.count, &out, nil)
    return out
  }

  /// The SHA-256 of a file of any size.
  package static func sha256(file path: String) throws(FileError) -> String {
    let context = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(context) }
    EVP_DigestInit_ex(context, EVP_sha256(), nil)
    try Files.readChunks(path) { bytes, count in EVP_DigestUpdate(context, bytes, count) }
    var out = [UInt8](repeating: 0, count: 32)
    EVP_DigestFinal_ex(context, &out, nil)
    return hex(out)
  }

  package static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
