package import CanaryCore
internal import Glibc

/// Who runs this process.
package enum Who {
  /// The name of the real user, and of the one behind `sudo` where that says so.
  package static func actor(environment: [String: String]) -> Actor {
    let uid = getuid()
    let name = getpwuid(uid).map { String(cString: $0.pointee.pw_name) } ?? "uid \(uid)"
    if uid == 0, let user = environment["SUDO_USER"], Name(user) != nil {
      return Actor("\(user) (sudo)")
    }
    return Actor(name)
  }

  package static var pid: Int32 { getpid() }

  /// Whether a process lives; one that we may not signal does.
  package static func isAlive(_ pid: Int32) -> Bool { kill(pid, 0) == 0 || errno == EPERM }

  /// Whether output to that descriptor is read by a person.
  package static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  /// The columns of the terminal behind that descriptor; 80 when it does not say.
  package static func terminalWidth(_ descriptor: Int32) -> Int {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  package static var environment: [String: String] {
    var table: [String: String] = [:]
    var next = environ
    while let entry = next.pointee {
      let text = String(cString: entry)
      if let equals = text.firstIndex(of: "=") {
        table[String(text[..<equals])] = String(text[text.index(after: equals)...])
      }
      next += 1
    }
    return table
  }

  /// The path of this program, to start it again.
  package static var program: String {
    var buffer = [CChar](repeating: 0, count: 4097)
    let count = readlink("/proc/self/exe", &buffer, 4096)
    return count > 0
      ? String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : "canary"
  }
}
