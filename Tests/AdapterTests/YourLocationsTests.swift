import CanaryAdapters
import CanaryCore
import Testing

/// What a location of one's own would lose by lines that the generated file brings.
@Suite struct YourLocationsTests {
  private func faults(_ server: String, _ location: String, _ service: String = "") throws
    -> [String]
  {
    let config = try ConfigReader(file: "/etc/canary/canary.json5").read(
      ConfigFile.parse(
        """
        { services: { chat: { pools: { blue: { servers: ["127.0.0.1:9001"] },
          green: { servers: ["127.0.0.1:9002"] } }, stable: "blue", \(service) } } }
        """, name: "test"))
    let dump = """
      # configuration file /etc/nginx/nginx.conf:
      http {
        server {
          \(server)
          location / {
            include canary/chat.location;
            \(location)
          }
        }
      }
      """
    let inventory = try #require(NginxInventory(dump: dump))
    return YourLocations(inventory).faults(of: config.services[0], config)
  }

  @Test func `a location that says what it needs loses nothing`() throws {
    #expect(try faults("", "proxy_set_header Host $host;").isEmpty)
    #expect(try faults("proxy_set_header Host $host; add_header A b;", "").isEmpty)
    #expect(try faults("", "", "headers: { Host: \"$host\" },").isEmpty)
    #expect(
      try faults("add_header A b;", "add_header A b; proxy_set_header Host $host;", "expose: true,")
        .isEmpty)
    #expect(
      try faults(
        "add_header A b; proxy_set_header Host $host;", "",
        "expose: true, answer_headers: { A: \"b\" },"
      ).isEmpty)
  }

  @Test func `each line that ours would push out is named with its place`() throws {
    let none = try faults("", "")
    #expect(none.count == 1 && none[0].contains("include at /etc/nginx/nginx.conf:5"), "\(none)")
    let host = "proxy_set_header Host $host;"
    let answers = try faults(
      "\(host) add_header Strict-Transport-Security \"max-age=1; preload\" always;", "",
      "expose: true,")
    #expect(
      answers.count == 1
        && answers[0].hasSuffix(
          "add_header Strict-Transport-Security \"max-age=1; preload\" always;"),
      "\(answers)")
    let preview = try faults(
      "\(host) proxy_set_header X-A b;", "",
      "preview: { header: { name: \"X-Preview\", value: \"secret\" } },")
    #expect(preview.count == 2 && preview[0].hasSuffix("\(host) proxy_set_header X-A b;"))
    let limited = try faults("\(host) limit_req zone=a;", "", "never: { from: [\"10.0.0.0/8\"] },")
    #expect(limited.isEmpty, "\(limited)")
  }
}
