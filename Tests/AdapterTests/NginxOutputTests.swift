import CanaryAdapters
import TestSupport
import Testing

@Suite(.busy) struct NginxOutputTests {
  @Test func `a module that is missing is told with what to do`() {
    let output = """
      nginx: [emerg] unknown directive "userid" in /etc/nginx/canary/chat.location:12
      nginx: configuration file /etc/nginx/nginx.conf test failed
      """
    let told = NginxOutput.faults(in: output)
    #expect(
      told.hasPrefix("unknown directive \"userid\" in /etc/nginx/canary/chat.location:12; this")
        && told.hasSuffix("choose another key"), "\(told)")
    let other = NginxOutput.faults(in: output.replacing("userid", with: "uwsgi_pass"))
    #expect(other.hasSuffix("chat.location:12"), "\(other)")
  }
}
