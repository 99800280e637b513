import TestSupport
import Testing

/// One Nginx as people have it, and what is asked of it.
///
/// In its texts `@PORT` is where it listens, `@TLS` another free port, `@APP` and `@SECOND` are servers of the app, `@BLUE` is
/// the port of the former and `@GREEN` the canary; `@DIR` is a folder of the trial's own, `@ETC` the one of the configuration
/// and `@MODULES` that of Nginx's modules.
struct AdoptionShape: Sendable, CustomTestStringConvertible {
  struct Request: Sendable {
    var method: String
    var path: String
    var headers: [String]
    var body: String
    var text: String { "\(method) \(path) \(headers)" }
  }

  let name: String
  /// What stands in `http {}`.
  var http: String
  /// What stands before everything else.
  var main = ""
  /// Whether its own Nginx is the canary.
  var hasCanary = false
  var paths = ["/", "/a/b?x=1&y=2", "/redirect", "/a%20b/%D0%B6?q=%2F", "/status/404", "/page"]
  /// Which of the list of `init`; nil: there is one only.
  var pick: Int?
  var files: [String: String] = [:]
  var endsLinesWithCR = false
  /// Whether `cert.pem` and `key.pem` are made for it.
  var needsCertificate = false

  var testDescription: String { name }

  init(
    _ name: String, _ http: String, paths: [String] = [], pick: Int? = nil,
    files: [String: String] = [:]
  ) {
    self.name = name
    self.http = http
    self.paths += paths
    self.pick = pick
    self.files = files
  }

  /// A server with these locations.
  static func server(
    _ name: String, _ body: String, before: String = "", paths: [String] = [], pick: Int? = nil,
    files: [String: String] = [:]
  ) -> AdoptionShape {
    AdoptionShape(
      name,
      "  \(before)\n  server {\n    listen 127.0.0.1:@PORT;\n    server_name shop.example.com;\n\(body)\n  }",
      paths: paths, pick: pick, files: files)
  }

  /// Paths, methods, headers and bodies in turn, so that fifty requests have all of them.
  func request(_ index: Int) -> Request {
    let headers: [[String]] = [
      [], ["Cookie: a=b"], ["Accept-Encoding: gzip"], ["X-Forwarded-For: 203.0.113.9"],
      ["X-Custom: a b", "Authorization: Basic dTpw"], ["Origin: http://other"],
      ["X-Block: 1"],
    ]
    let method =
      index % 8 == 3 ? "POST" : index % 11 == 5 ? "HEAD" : index % 13 == 7 ? "OPTIONS" : "GET"
    return Request(
      method: method, path: paths[index % paths.count], headers: headers[index % headers.count],
      body: method == "POST" ? "name=value\(index)" : "")
  }

  private static let app = "upstream app { server @APP; }"

  static let all: [AdoptionShape] =
    targets + headers + access + redirects + content + logs + other + groups + ends + further
    + lua

  private static let targets: [AdoptionShape] = [
    server("an address", "    location / { proxy_pass http://@APP; }"),
    server("an upstream", "    location / {\n      proxy_pass http://app;\n    }", before: app),
    server(
      "a path", "    location /api.v1/ {\n      proxy_pass http://app/v2/;\n    }", before: app,
      paths: ["/api.v1/", "/api.v1/x?y=1", "/api.v1/redirect", "/api.v1/a%20b%0Ac/%2F"]),
    server(
      "a path of the root", "    location /api/ {\n      proxy_pass http://app/;\n    }",
      before: app, paths: ["/api/", "/api/x?y=1", "/api/redirect"]),
    server(
      "Dify's resolver and variable",
      """
          location /socket.io/ {
            resolver 127.0.0.1 valid=30s ipv6=off;
            set $socket_io_upstream @APP;
            proxy_pass http://$socket_io_upstream;
            include proxy.conf;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_cache_bypass $http_upgrade;
          }
      """, paths: ["/socket.io/?transport=polling", "/socket.io/x"],
      files: [
        "proxy.conf":
          "proxy_set_header Host $host;\nproxy_set_header X-Forwarded-Proto $scheme;\nproxy_http_version 1.1;\nproxy_buffering off;\nproxy_read_timeout 3600s;\n"
      ]),
    server(
      "a variable with a whole address",
      """
          set $api http://@APP$request_uri;
          location / {
            proxy_pass $api;
          }
      """),
    server(
      "a variable with the name of an upstream",
      """
          set $backend app;
          location / {
            proxy_pass http://$backend$request_uri;
          }
      """, before: app),
    server(
      "a socket",
      "    location / {\n      proxy_pass http://sock;\n      proxy_set_header X-A b;\n    }",
      before: """
        upstream sock { server unix:@DIR/app.sock; }
          server {
            listen unix:@DIR/app.sock; access_log off; set_real_ip_from unix:;
            location / { proxy_pass http://@APP; proxy_set_header Host $http_host; }
          }
        """, pick: 2),
    {
      var shape = server(
        "TLS to the servers",
        """
            location / {
              proxy_pass https://tls;
              proxy_ssl_server_name on;
              proxy_set_header X-A b;
            }
        """,
        before: """
          upstream tls { server 127.0.0.1:@TLS; }
            server {
              listen 127.0.0.1:@TLS ssl; access_log off;
              ssl_certificate cert.pem; ssl_certificate_key key.pem;
              location / {
                proxy_pass http://@APP;
                proxy_set_header Host $http_host;
                proxy_set_header X-Name $ssl_server_name;
              }
            }
            server {
              listen @GREEN ssl; access_log off;
              ssl_certificate cert.pem; ssl_certificate_key key.pem;
              location / {
                proxy_pass http://@APP;
                proxy_set_header Host $http_host;
                proxy_set_header X-Name $ssl_server_name;
              }
            }
          """, pick: 3)
      shape.needsCertificate = true
      shape.hasCanary = true
      return shape
    }(),
    server(
      "ip_hash with a server that is down", "    location / {\n      proxy_pass http://app;\n    }",
      before:
        "upstream app { ip_hash; server @APP weight=2; server 127.0.0.1:1 down; server @SECOND; }"),
    server(
      "least_conn with limits and a backup",
      "    location / {\n      proxy_pass http://app;\n      proxy_set_header Host $http_host;\n    }",
      before:
        "upstream app { least_conn; server @APP max_conns=10 max_fails=2 fail_timeout=5; server @SECOND backup; }"
    ),
    server(
      "a hash of the address", "    location / {\n      proxy_pass http://app;\n    }",
      before: "upstream app { hash $request_uri consistent; server @APP; server @SECOND weight=3; }"
    ),
    server(
      "weights", "    location / {\n      proxy_pass http://app;\n    }",
      before: "upstream app { server @APP weight=3; server @SECOND; }"),
    server(
      "keepalive",
      """
          location / {
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_pass http://app;
          }
      """, before: "upstream app { server @APP; keepalive 16; }"),
  ]

  private static let headers: [AdoptionShape] = [
    server(
      "headers of its own",
      """
          location / {
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto https;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 60s;
          }
      """,
      before:
        "map $http_upgrade $connection_upgrade { default upgrade; '' close; }\n  \(app)"),
    server(
      "headers without a Host",
      """
          location / {
            proxy_set_header X-Forwarded-Proto https;
            proxy_set_header X-Name "a b;c";
            proxy_pass http://app;
          }
      """, before: app),
    server(
      "headers that it inherits",
      """
          proxy_set_header X-Forwarded-Proto https;
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          proxy_set_header X-Uri "$uri and $args";
          proxy_set_header Accept-Encoding "";
          location / {
            proxy_pass http://app;
          }
      """, before: app),
    server(
      "a Host that it inherits",
      """
          proxy_set_header Host $host;
          proxy_set_header X-Uri $uri;
          location / {
            proxy_pass http://app;
          }
      """, before: app),
    server(
      "the name of the target in a header",
      """
          location / {
            proxy_set_header Host $proxy_host;
            proxy_set_header X-Port $proxy_port;
            proxy_pass http://app;
          }
      """, before: app),
    server(
      "headers of answers",
      """
          add_header Strict-Transport-Security "max-age=31536000" always;
          add_header X-Frame-Options DENY;
          location / {
            expires 1h;
            proxy_hide_header X-Pool;
            proxy_cookie_path / /shop/;
            proxy_pass http://app;
          }
      """, before: app),
    server(
      "real_ip",
      """
          set_real_ip_from 127.0.0.1;
          real_ip_header X-Forwarded-For;
          location / {
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header Host $host;
            proxy_pass http://app;
          }
      """, before: app),
    {
      var shape = server(
        "a file of settings that several share",
        """
            location /console { proxy_pass http://app; include proxy.conf; }
            location / {
              proxy_pass http://app;
              include proxy.conf;
            }
        """, before: app, paths: ["/console/x"], pick: 2)
      shape.files["proxy.conf"] = """
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-Port $server_port;
        proxy_http_version 1.1;
        proxy_buffering off;
        proxy_read_timeout 3600s;
        proxy_next_upstream error;
        client_max_body_size 15m;

        """
      return shape
    }(),
  ]
}
