import CanaryCore
import TestSupport
import Testing

@testable import CanaryAdapters

/// What `check` says of a location of one's own, by its text alone.
@Suite struct LocationAuditTests {
  /// What canary's file says; the shape counts here, not the words.
  static let ours = """
    open_file_cache off;
    set $canary_pool_chat canary.chat.blue;
    if (-f /run/canary/chat.brake) { set $canary_pool_chat canary.chat.blue; }
    proxy_pass http://$canary_pool_chat;
    proxy_set_header Host $host;
    access_log /var/log/nginx/canary-chat.log canary.chat;
    """

  /// The findings for one `server {}`; `{{` stands for the include.
  static func audit(
    _ server: String, http: String = "", ours: String = ours, suffix: String = "location"
  ) -> [LocationAudit.Finding] {
    let text = """
      http {
      \(http)
      server {
      \(server.replacing("{{", with: "include canary/chat.location;"))
      }
      }
      """
    return audit(files: ["/etc/nginx/nginx.conf": text], ours: ours, suffix: suffix)
  }

  static func audit(
    files: [String: String], ours: String, suffix: String = "location"
  ) -> [LocationAudit.Finding] {
    var all: [NginxStatement] = []
    let walk = NginxWalk(
      folder: "/etc/nginx", text: { files[$0] },
      files: { pattern in files.keys.filter { NginxMainFile.fits($0, pattern) }.sorted() })
    walk.read("/etc/nginx/nginx.conf") { all.append($0) }
    let audit = LocationAudit(
      all,
      targets: { word in
        let path = Files.absolute(word, in: "/etc/nginx")
        return ["location", "locations", "server"].filter { path == "/etc/nginx/canary/chat.\($0)" }
          .map { LocationAudit.Target(service: "chat", suffix: $0, path: path) }
      },
      generated: { target in
        var said: [NginxStatement] = []
        NginxWalk(
          folder: "/", text: { _ in target.suffix == suffix ? ours : "" }, files: { _ in [] }
        ).read(target.path) { said.append($0) }
        return said
      })
    return audit.found
  }

  private func faults(_ server: String, http: String = "", ours: String = ours) -> [String] {
    Self.audit(server, http: http, ours: ours).filter(\.isFault).map(\.text)
  }

  @Test func `a location with the include alone or first has no fault`() {
    #expect(faults("location / { {{ }").isEmpty)
    #expect(
      faults(
        """
        location / {
          {{
          rewrite ^/a/(.*)$ /$1 break;
          if ($request_method = OPTIONS) { return 204; }
          add_header X-A b;
          proxy_read_timeout 10s;
        }
        """
      ).isEmpty)
    #expect(
      faults("location / { set $a b; if ($bad) { return 403; } rewrite ^/a /b last; {{ }").isEmpty)
  }

  @Test(arguments: [
    "rewrite ^/a /b break; {{", "break; {{", "if ($slow) { break; } {{",
    "if ($slow) { rewrite ^ /x break; } {{",
  ]) func `what ends the rewrites before the include is a fault with its place`(_ body: String) {
    let found = faults("location / {\n\(body)\n}")
    #expect(found.count == 1, "\(found)")
    #expect(
      found[0].hasPrefix("chat: /etc/nginx/nginx.conf:5: `") && found[0].contains("first line"),
      "\(found)")
  }

  @Test(arguments: [
    ("return 301 /x; {{", "takes every request"), ("{{ return 200;", "takes every request"),
    ("rewrite ^ /y last; {{", "takes every request"),
    ("if ($a) { add_header X b; } {{", "last `if` that fits decides"),
    ("{{ try_files $uri /index.html;", "try_files $uri @chat;"),
    ("{{ grpc_pass grpc://x;", "only one of the two"),
    ("limit_except GET { allow 10.0.0.0/8; deny all; } {{", "other methods"),
    ("{{ open_file_cache off;", "is a duplicate for Nginx"),
    ("{{ access_log off;", "switches off canary's own log"),
    ("{{ if ($quiet) { access_log off; }", "takes the place of canary's log"),
    ("{{ error_page 502 /50x.html;", "include /etc/nginx/canary/chat.server;"),
    ("{{ error_page 500 = @down;", "ends failures"),
  ]) func `each kind of what goes wrong is told`(_ body: String, _ words: String) {
    let found = faults("location / { \(body) }")
    #expect(found.count == 1 && found[0].contains(words), "\(found)")
  }

  @Test func `an if after the include is a fault where canary's own passes requests on`() {
    let seats = """
      proxy_pass http://blue;
      if (-f /run/x) { proxy_pass http://green; }
      access_log /l canary.chat;
      """
    let body = "location / { {{ if ($request_method = GET) { add_header X y; } }"
    #expect(faults(body, ours: seats).count == 1)
    #expect(faults(body).isEmpty)
  }

  @Test func `a pass in an if is told and is no fault`() {
    let found = Self.audit("location / { {{ if ($old) { proxy_pass http://old; } }")
    #expect(found.count == 1 && !found[0].isFault, "\(found)")
  }

  @Test func `what canary's lines push out is told with the line to add`() {
    let sticky = Self.ours + "\nadd_header Set-Cookie $c always; limit_req zone=z; mirror /m;"
    let server = """
      add_header Strict-Transport-Security "max-age=1" always;
      location / {
        {{
      }
      """
    let found = faults(server, http: "limit_req zone=a burst=5; mirror /copy;", ours: sticky)
    #expect(found.count == 3, "\(found)")
    #expect(
      found.contains {
        $0.contains("/etc/nginx/nginx.conf:4: ")
          && $0.contains("`add_header Strict-Transport-Security max-age=1 always;`")
          && $0.contains("(/etc/nginx/nginx.conf:5)")
      }, "\(found)")
    // What the location says for itself was pushed out before canary came.
    #expect(faults("add_header A b; location / { add_header A c; {{ }", ours: sticky).isEmpty)
    #expect(faults(server).isEmpty)
    let header = Self.audit("proxy_set_header Host other; location / { {{ }")
    #expect(header.count == 1 && !header[0].isFault && header[0].text.contains("chat.headers"))
    #expect(faults("userid on; location / { {{ }", ours: Self.ours + "userid on;").count == 1)
  }

  @Test func `an error page of any level hides failures until the server logs them`() {
    let page = "error_page 500 502 503 504 /50x.html;"
    let rest = "location = /50x.html { root html; } location / { {{ }"
    for (http, server) in [(page, rest), ("", page + rest)] {
      let found = Self.audit(server, http: http)
      #expect(found.contains { $0.hidesFailures && $0.isFault }, "\(found)")
      #expect(Self.audit("include canary/chat.server;" + server, http: http).isEmpty)
      let line = "access_log /var/log/nginx/canary-chat.log canary.chat if=$x;"
      #expect(Self.audit(line + server, http: http).isEmpty)
    }
    // One without 5xx, one that leads to another host, one that only changes the code.
    for other in ["error_page 404 /x;", "error_page 502 https://a/;"] {
      #expect(Self.audit(other + rest).isEmpty)
    }
    let inherited = Self.audit(page + rest, http: "access_log /a main; access_log /b;")
    #expect(inherited.contains { $0.text.contains("`access_log /a main;` `access_log /b;`") })
  }

  @Test func `a page with a log of its own hides failures from the line of the server too`() {
    let server = """
      include canary/chat.server; error_page 502 @down;
      location @down { access_log off; return 503; }
      location / { {{ }
      """
    let found = Self.audit(server)
    #expect(found.count == 1 && found[0].hidesFailures, "\(found)")
    #expect(found[0].text.contains("/etc/nginx/nginx.conf:5: `access_log off;`"))
  }

  @Test func `an internal location may be where answers end`() {
    let server = "location /files/ { internal; root /srv; } location / { {{ }"
    let found = Self.audit(server)
    #expect(found.count == 1 && !found[0].isFault && found[0].text.contains("X-Accel-Redirect"))
    #expect(Self.audit("include canary/chat.server;" + server).isEmpty)
    #expect(
      Self.audit("include canary/chat.server; include canary/chat.server;" + server).count == 1)
  }

  @Test func `the locations that canary writes are looked at as well`() {
    let ours = "location /api { \(Self.ours) } location = /.canary-copy { internal; return 204; }"
    let found = Self.audit(
      "error_page 502 /50x.html; access_log /a; include canary/chat.locations;", ours: ours,
      suffix: "locations")
    #expect(found.contains { $0.hidesFailures })
    #expect(found.contains { $0.text.contains("services.chat.access_log") })
  }

  @Test func `words are read as Nginx reads them`() {
    var words: [[String]] = []
    let text = """
      location ~ "\\.(php|html)$" { return 200 "a\\"b\\tc"; }
      rewrite ^/a\\;b$ /${x}y} break;
      content_by_lua_block { -- don't { count
        local t = { #x, "}", [[ } ]] } -- [=[ } ]=]
      }
      set $after 1;
      """
    NginxWalk(folder: "/", text: { _ in text }, files: { _ in [] }).read("/x") {
      words.append($0.words)
    }
    #expect(
      words == [
        ["location", "~", "\\.(php|html)$"], ["return", "200", "a\"b\tc"],
        ["rewrite", "^/a\\;b$", "/${x}y}", "break"], ["content_by_lua_block"],
        ["set", "$after", "1"],
      ], "\(words)")
  }

  /// Any text: the findings are of its lines, and the same each time.
  @Test func `hostile texts are audited within their lines`() throws {
    try Fuzz(.dump).run(400) { bytes in
      let text = String(decoding: bytes, as: UTF8.self)
        .replacing("proxy_pass", with: "include canary/chat.location; proxy_pass")
      let files = ["/etc/nginx/nginx.conf": text]
      let found = Self.audit(files: files, ours: Self.ours)
      guard found == Self.audit(files: files, ours: Self.ours) else { return "not the same twice" }
      let lines = text.utf8.count { $0 == 10 } + 1
      for finding in found {
        let rest = finding.text.dropFirst("chat: /etc/nginx/nginx.conf:".count)
        guard let line = Int(rest.prefix(while: \.isNumber)), (1...lines).contains(line) else {
          return "no place: \(finding.text)"
        }
      }
      return nil
    }
  }
}
