import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// A first config for an Nginx that is there already, in the shapes that people really have.
@Suite(.blocking) struct InitTests {
  @Test func `Debian's own files with a site`() throws {
    let host = try InitHost()
    defer { host.close() }
    let (port, app) = (Sockets.freePort(), host.sandbox.bluePorts[0])
    try host.write([
      "nginx.conf": """
      user www-data;
      worker_processes auto;
      \(host.head)
      http {
      	sendfile on;
      	types_hash_max_size 2048;
      	include /etc/nginx/mime.types;
      	default_type application/octet-stream;
      	access_log \(host.sandbox.folder)/logs/access.log;
      	gzip on;
      	\(host.temporary)
      	include \(host.etc)/conf.d/*.conf;
      	include \(host.etc)/sites-enabled/*;
      }
      """,
      "sites-enabled/default": """
      upstream shop { server 127.0.0.1:\(app); keepalive 16; }
      server {
      	listen 127.0.0.1:\(port) default_server;
      	server_name shop.example.com;
      	location / {
      		proxy_pass http://shop;
      		proxy_set_header Host $host;
      	}
      	location /static { try_files $uri =404; }
      }
      """,
    ])
    let site = try Files.read("\(host.etc)/sites-enabled/default")
    let ran = try host.begin()
    #expect(ran.code == 0, "\(ran.text)")
    #expect(ran.text.contains("service shop, stable blue (127.0.0.1:\(app))"), "\(ran.text)")
    #expect(try Files.read("\(host.etc)/sites-enabled/default") == site)
    // A second time nothing is overwritten, and what it would have written is shown.
    let again = try host.begin()
    #expect(again.code == 2 && again.text.contains("is there already"), "\(again.text)")
    #expect(again.text.contains("\"shop\": {"), "\(again.text)")
    try host.adopt(ran.text, port: port)
    let own = try host.begin("--list")
    #expect(own.text.contains("canary has it already"), "\(own.text)")
  }

  @Test func `one big file that says everything itself`() throws {
    let host = try InitHost()
    defer { host.close() }
    let (port, app) = (Sockets.freePort(), host.sandbox.bluePorts[0])
    try host.write([
      "nginx.conf": """
      \(host.head)
      http {
        \(host.temporary)
        log_format timed '$remote_addr $request_time';
        map $http_upgrade $connection_upgrade { default upgrade; '' close; }
        upstream pool { ip_hash; server 127.0.0.1:\(app) weight=3 max_conns=10; server 127.0.0.1:1 down; }
        server { listen 127.0.0.1:\(Sockets.freePort()); return 301 https://$host$request_uri; }
        server {
          listen 127.0.0.1:\(port); server_name api.example.com www.example.com;
          access_log \(host.sandbox.folder)/logs/api.log timed;
          proxy_connect_timeout 3;
          location ~ \\.php$ { fastcgi_pass 127.0.0.1:9000; }
          location /ws/ { proxy_pass https://127.0.0.1:9443; }
          location /api/ {
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header X-Tenant "acme";
            proxy_read_timeout 90s;
            proxy_buffering on;
            proxy_pass http://pool/v2/;
            proxy_redirect default;
          }
        }
      }
      """
    ])
    let listed = try host.begin("--list")
    #expect(listed.text.contains("    1 https://127.0.0.1:9443"), "\(listed.text)")
    #expect(listed.text.contains("    2 http://pool/v2/"), "\(listed.text)")
    #expect(listed.text.contains("not for canary: fastcgi is neither"), "\(listed.text)")
    let ran = try host.begin("api", "--pick", "2", "--health", "/api/ok")
    #expect(ran.code == 0, "\(ran.text)")
    let config = try #require(try Files.read("\(host.sandbox.folder)/canary.json5"))
    for words in [
      "weight=3 max_conns=10\"", "\"127.0.0.1:1 down\"", "balance: \"ip_hash\"", "sticky: \"ip\"",
      "logs/api.log timed\"", "health: \"/api/ok\"",
    ] {
      #expect(config.contains(words), "\(words) in \(config)")
    }
    // What the location says stays there; the config does not say it again.
    for words in ["timeout", "buffering", "X-Tenant", "$http_host"] {
      #expect(!config.contains(words), "\(words) in \(config)")
    }
    // `proxy_redirect default` meant the name that leaves with proxy_pass.
    #expect(ran.text.contains("     proxy_redirect http://pool/v2/ /api/;"), "\(ran.text)")
    try host.adopt(ran.text, port: port, path: "/api/chat?x=1", arrives: "/v2/chat?x=1")
  }

  @Test func `the conf folder of the official image, from its dump`() throws {
    let host = try InitHost()
    defer { host.close() }
    let (port, app) = (Sockets.freePort(), host.sandbox.bluePorts[0])
    try host.write([
      "nginx.conf": """
      \(host.head)
      http {
          include       /etc/nginx/mime.types;
          access_log  \(host.sandbox.folder)/logs/access.log  combined;
          keepalive_timeout  65;
          \(host.temporary)
          include \(host.etc)/conf.d/*.conf;
      }
      """,
      "conf.d/default.conf": """
      server {
          listen       127.0.0.1:\(port);
          server_name  localhost;
          #access_log  /var/log/nginx/host.access.log  main;
          location / {
              proxy_pass http://127.0.0.1:\(app);
          }
          error_page   500 502 503 504  /50x.html;
      }
      """,
    ])
    let dump = try Spawn.run(["nginx", "-T", "-q", "-c", host.main], limit: .seconds(20))
    try Files.replace("\(host.sandbox.folder)/dump", with: dump.output)
    let ran = try host.begin("--dump", "\(host.sandbox.folder)/dump")
    #expect(ran.code == 0 && ran.text.contains("service localhost, stable blue"), "\(ran.text)")
    try host.adopt(ran.text, port: port)
    let rubbish = try host.begin("--dump", "/etc/hostname")
    #expect(rubbish.code == 2 && rubbish.text.contains("not what `nginx -T` prints"))
  }

  @Test func `Dify's locations, which share a file of settings`() throws {
    let host = try InitHost()
    defer { host.close() }
    let (port, app) = (Sockets.freePort(), host.sandbox.bluePorts[0])
    let location = { (path: String, port: Int) in
      "    location \(path) {\n      proxy_pass http://127.0.0.1:\(port);\n      include proxy.conf;\n    }\n"
    }
    try host.write([
      "nginx.conf": """
      \(host.head)
      http {
          default_type application/octet-stream;
          access_log \(host.sandbox.folder)/logs/access.log;
          \(host.temporary)
          include \(host.etc)/conf.d/*.conf;
      }
      """,
      "proxy.conf": """
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Port $server_port;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 3600s;
      proxy_send_timeout 3600s;
      client_max_body_size 15m;
      """,
      "conf.d/default.conf":
        "server {\n    listen 127.0.0.1:\(port);\n    server_name _;\n"
        + location("/console/api", app) + location("/api", app) + location("/v1", app)
          + """
              location /socket.io/ {
                resolver 127.0.0.1 valid=30s ipv6=off;
                set $socket_io_upstream 127.0.0.1:\(app);
                proxy_pass http://$socket_io_upstream;
                include proxy.conf;
                proxy_set_header Upgrade $http_upgrade;
                proxy_set_header Connection "upgrade";
                proxy_cache_bypass $http_upgrade;
              }

          """
        + location("/files", app) + location("/", Sockets.freePort()) + "}\n",
    ])
    let choice = try host.begin()
    #expect(choice.code == 2 && choice.text.contains("say it with --pick N"), "\(choice.text)")
    let ran = try host.begin("dify", "--pick", "2")
    #expect(ran.code == 0, "\(ran.text)")
    #expect(ran.text.contains("reached from 4 other places"), "\(ran.text)")
    #expect(!ran.text.contains("include proxy.conf;"), "\(ran.text)")
    let config = try #require(try Files.read("\(host.sandbox.folder)/canary.json5"))
    #expect(!config.contains("timeout") && !config.contains("X-Forwarded-Port"), "\(config)")
    try host.adopt(ran.text, port: port, path: "/api/chat")
  }

  @Test func `three hundred servers`() throws {
    let host = try InitHost()
    defer { host.close() }
    let (port, app) = (Sockets.freePort(), host.sandbox.bluePorts[0])
    let servers = (1...300).map { number in
      let target = number == 170 ? "127.0.0.1:\(app)" : "127.0.0.1:\(20_000 + number)"
      return """
          upstream app\(number) { server \(target); }
          server {
            listen 127.0.0.1:\(port); server_name app\(number).example.com;
            location / { proxy_pass http://app\(number); proxy_set_header X-Real-IP $remote_addr; }
          }
        """
    }
    try host.write([
      "nginx.conf":
        "\(host.head)\nhttp {\n\(host.temporary)\nserver_names_hash_max_size 4096;\naccess_log \(host.sandbox.folder)/logs/access.log;\n"
        + servers.joined(separator: "\n") + "\n}\n"
    ])
    let json = try host.begin("--list", "--json").text
    #expect(json.components(of: "\"pick\":") == 300)
    #expect(json.contains("\"server\": \"app170.example.com\""), "\(json.prefix(400))")
    let beyond = try host.begin("--pick", "301")
    #expect(beyond.code == 2 && beyond.text.contains("from 1 to 300"), "\(beyond.text)")
    let ran = try host.begin("--pick", "170")
    #expect(ran.code == 0 && ran.text.contains("service app170, stable blue (127.0.0.1:\(app))"))
    let steps = ran.text.split(separator: "\n").map(String.init)
    try host.addInclude(steps)
    let checked = try host.sandbox.canary("check")
    #expect(checked.code == 0, "\(checked.text)")
  }

  @Test func `what cannot be carried is refused by name`() throws {
    let host = try InitHost()
    defer { host.close() }
    let app = host.sandbox.bluePorts[0]
    let shapes = [
      ("location /a { proxy_pass http://slow+app; }", "says `random two`"),
      ("location /b { proxy_pass http://$host:81; }", "has a variable that no single `set`"),
      (
        "location /c { set $x http://127.0.0.1:\(app)/c; proxy_pass $x; }", "a path with a variable"
      ),
      (
        "location /d { try_files $uri /e; proxy_pass http://127.0.0.1:\(app); }",
        "`try_files` beside it"
      ),
      (
        "location /e { if ($arg_x) { proxy_pass http://127.0.0.1:\(app); } }",
        "in no location of its own"
      ),
      (
        "location /f/ { proxy_pass http://127.0.0.1:\(app)/g/; rewrite ^/f/x /f/y; }",
        "make it the last line"
      ),
      ("location /g/ { proxy_pass http://127.0.0.1:\(app)/g%20h/; }", "has '%' or '?'"),
      ("location /h { include own.conf; }", "is included: write that line into the location"),
    ]
    try host.write([
      "own.conf": "proxy_pass http://127.0.0.1:\(app);\n",
      "nginx.conf": """
      \(host.head)
      http { \(host.temporary)
        upstream slow+app { random two; server 127.0.0.1:\(app); server 127.0.0.1:1; }
        server { listen 127.0.0.1:\(Sockets.freePort()); \(shapes.map(\.0).joined(separator: "\n")) }
      }
      """,
    ])
    let listed = try host.begin("--list")
    for (shape, why) in shapes {
      #expect(listed.text.contains(why), "\(shape): \(why) in \(listed.text)")
    }
    #expect(!listed.text.contains("\n    1 "), "\(listed.text)")
  }

  @Test func `what cannot be begun is told`() throws {
    let host = try InitHost()
    defer { host.close() }
    try host.write(["nginx.conf": "\(host.head)\nhttp { \(host.temporary) }\n"])
    let none = try host.begin()
    #expect(
      none.code == 2 && none.text.contains("nothing that canary can take over"), "\(none.text)")
    let gone = try host.sandbox.canary("init", "--nginx", "/nowhere/nginx.conf")
    #expect(gone.code == 1 && gone.text.contains("docker exec NAME nginx -T"), "\(gone.text)")
    #expect(!Files.exists("\(host.sandbox.folder)/canary.json5"))
  }
}

extension String {
  /// How often the text occurs.
  fileprivate func components(of text: String) -> Int { ranges(of: text).count }
}
