// Shapes of what stands beside the location that proxies.
extension AdoptionShape {
  private static let app = "upstream app { server @APP; }"

  static let further: [AdoptionShape] = [
    server(
      "proxy_redirect by a regular expression",
      """
          location / {
            proxy_set_header Host app.internal;
            proxy_redirect ~^http://app\\.internal(?<rest>/.*)$ https://$host$rest;
            proxy_pass http://app;
          }
      """, before: app),
    server(
      "error_page with another status",
      """
          location / {
            proxy_intercept_errors on;
            error_page 404 =200 /in.txt;
            error_page 500 503 = /fallback$uri;
            proxy_pass http://app;
          }
          location = /in.txt { root @DIR/www; }
          location /fallback/ { internal; proxy_pass http://@SECOND; }
      """, before: app, paths: ["/status/503"], pick: 1),
    server(
      "error_page of an app that refuses",
      """
          location / {
            error_page 502 504 @sorry;
            proxy_pass http://app;
          }
          location /dead/ {
            error_page 502 504 @sorry;
            proxy_pass http://127.0.0.1:1;
          }
          location @sorry { return 503 "sorry $uri\\n"; }
      """, before: app, paths: ["/dead/x"], pick: 1),
    server(
      "auth_request whose answer goes on, and satisfy any",
      """
          location / {
            satisfy any;
            allow 203.0.113.0/24;
            deny all;
            auth_request /auth;
            auth_request_set $who $upstream_http_x_pool;
            error_page 401 = @login;
            proxy_set_header X-Who $who;
            proxy_set_header Host $host;
            proxy_pass http://app;
          }
          location @login { return 302 /login; }
          location = /auth {
            internal;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_pass http://@SECOND/auth-check;
          }
      """, before: app, pick: 1),
    server(
      "a log with a condition in the location, and one by a map of it",
      """
          location / {
            access_log @DIR/logs/own.log plain if=$failed;
            access_log @DIR/logs/$host.log plain;
            access_log syslog:server=unix:@DIR/none.sock plain if=$failed;
            proxy_pass http://app;
          }
      """, before: "map $status $failed { ~^[45] 1; default 0; }\n  \(app)"),
    server(
      "ssi with parts that are proxied elsewhere",
      """
          location / {
            ssi on;
            ssi_types text/plain;
            ssi_last_modified on;
            proxy_set_header Accept-Encoding "";
            proxy_pass http://app;
          }
          location = /part { proxy_pass http://@SECOND/part; }
      """, before: app, pick: 1),
    server(
      "limits of connections, with a status of their own",
      """
          limit_conn_status 429;
          location / {
            limit_conn peers 8;
            limit_req zone=slow burst=5 nodelay;
            limit_req_status 429;
            limit_rate 1m;
            proxy_pass http://app;
          }
      """,
      before:
        "limit_conn_zone $binary_remote_addr zone=peers:1m; limit_req_zone $arg_x zone=slow:1m rate=1r/m;\n  \(app)"
    ),
    server(
      "a named location behind several tries, one of them a folder",
      """
          root @DIR/www;
          index index.html;
          location / {
            try_files $uri $uri/ @app;
          }
          location ~ ^/api/(?<rest>.*)$ {
            try_files /none @app;
          }
          location @app {
            rewrite ^/a/(.*)$ /b/$1 break;
            proxy_set_header X-Rest $rest;
            proxy_pass http://app;
          }
      """, before: app, paths: ["/static/", "/api/x?y=1"]),
    server(
      "variables that the location sets and matches",
      """
          location ~* ^/(?<part>a|api|page|status)(/|$) {
            set $kind other;
            if ($request_method = POST) { set $kind form; }
            if ($args ~ "x=(\\d+)") { set $kind "x$1"; }
            proxy_set_header X-Kind $kind;
            proxy_set_header X-Part $part;
            proxy_set_header Host $host;
            proxy_pass http://app;
          }
      """, before: app, paths: ["/API/x?x=12"]),
    server(
      "limit_except with a password of its own",
      """
          location / {
            auth_basic "shop";
            auth_basic_user_file htpasswd;
            limit_except GET HEAD OPTIONS {
              deny all;
            }
            proxy_set_header Authorization "";
            proxy_pass http://app;
          }
      """, before: app, files: ["htpasswd": "u:{PLAIN}p\n"]),
  ]
}
