internal import Glibc

/// A system call on a path that failed: what was tried, and the system's own words.
package struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
  package let path: String
  package let code: CInt
  package let description: String

  init(_ doing: String, _ path: String, code: CInt = errno) {
    self.path = path
    self.code = code
    description = "\(doing) \(path): \(String(cString: strerror(code)))"
  }

  init(notRegular path: String, isFolder: Bool) {
    self.path = path
    code = isFolder ? EISDIR : EINVAL
    description =
      "cannot read \(path): it is \(isFolder ? "a folder" : "a FIFO, a socket or a device"), not a regular file"
  }

  init(device path: String) {
    self.path = path
    code = EINVAL
    description = "cannot read \(path): it is a device, not a log"
  }

  /// With a sentence of this program's own instead of the system's.
  init(_ doing: String, _ path: String, saying fault: String, code: CInt) {
    self.path = path
    self.code = code
    description = "\(doing) \(path): \(fault). Find out who put it there, and remove it"
  }
}
