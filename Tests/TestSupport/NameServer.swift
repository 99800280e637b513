internal import Glibc
internal import Synchronization

/// A name server on loopback: every name is 127.0.0.1.
package final class NameServer: Sendable {
  package let port: Int
  private let file: CInt
  private let count = Mutex(0)

  /// How many questions came.
  package var asked: Int { count.withLock { $0 } }

  package init() {
    file = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let file = file
    port = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bare in
        bind(file, bare, length)
        getsockname(file, bare, &length)
      }
      return Int(UInt16(bigEndian: pointer.pointee.sin_port))
    }
    Thread.start { [weak self] in
      var bytes = [UInt8](repeating: 0, count: 512)
      while true {
        var from = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let got = withUnsafeMutablePointer(to: &from) { pointer in
          pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            recvfrom(file, &bytes, bytes.count, 0, $0, &size)
          }
        }
        guard let self, got > 12 else { return }
        self.count.withLock { $0 += 1 }
        let answer = Self.answer(Array(bytes[..<got]))
        _ = withUnsafePointer(to: &from) { pointer in
          pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            sendto(file, answer, answer.count, 0, $0, size)
          }
        }
      }
    }
  }

  package func stop() {
    shutdown(file, Int32(SHUT_RDWR))
    close(file)
  }

  /// The answer to a question of one name (RFC 1035, 4.1).
  private static func answer(_ question: [UInt8]) -> [UInt8] {
    var answer = question
    // A response, without recursion's faults, with one record.
    answer[2] = 0x81
    answer[3] = 0x80
    answer[7] = 1
    // The name as in the question, A, IN, one second, four bytes.
    return answer + [0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]
  }
}
