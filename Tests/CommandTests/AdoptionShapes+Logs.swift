// Shapes of logs, and of all else that a server may say.
extension AdoptionShape {
  private static let app = "upstream app { server @APP; }"

  static let logs: [AdoptionShape] = [
    server(
      "a log of its own",
      """
          location / {
            access_log @DIR/logs/own.log plain;
            proxy_pass http://app;
          }
      """, before: app),
    server(
      "no log",
      """
          location / {
            access_log off;
            proxy_pass http://app;
          }
      """, before: app),
    server(
      "a log that it inherits, and conditions",
      """
          access_log @DIR/logs/main.log plain;
          access_log @DIR/logs/own.log plain if=$loggable;
          access_log @DIR/logs/packed.log plain gzip flush=1m;
          access_log syslog:server=127.0.0.1:@PORT,tag=shop plain;
          access_log @DIR/logs/$server_name.log plain;
          location / {
            proxy_pass http://app;
          }
      """, before: "map $status $loggable { ~^2 0; default 1; }\n  \(app)"),
  ]

  static let other: [AdoptionShape] = [
    {
      var shape = server(
        "lines that end in CR LF",
        """
            # a comment
            location / {
              proxy_set_header Host $host;
              proxy_pass http://app;
              proxy_next_upstream error;
            }
        """, before: app)
      shape.endsLinesWithCR = true
      return shape
    }(),
    server(
      "words in quotes, and a brace on a line of its own",
      """
          location ~ "^/a{0,1}"
          {
            proxy_set_header X-Quoted 'it is "so" \\\\ {$args}';
            proxy_pass "http://app";
          }
      """, before: app),
  ]

  /// Upstream groups that say what a pool of canary cannot.
  static let groups: [AdoptionShape] = [
    server(
      "a method of its own", "    location / {\n      proxy_pass http://app;\n    }",
      before: "upstream app { random two least_conn; server @APP; zone app 64k; }"),
    server(
      "settings of kept connections",
      """
          location / {
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://app;
          }
      """,
      before:
        "upstream app { server @APP; keepalive 8; keepalive_timeout 10s; keepalive_requests 50; }"),
  ]

  /// Requests that end in a location which proxies as well.
  static let ends: [AdoptionShape] = [
    server(
      "error_page with a second proxy",
      """
          location / {
            proxy_intercept_errors on;
            error_page 404 503 = @second;
            proxy_pass http://app;
          }
          location @second {
            proxy_set_header Host $host;
            proxy_pass http://@SECOND;
          }
      """, before: app, paths: ["/status/503"], pick: 1),
    server(
      "X-Accel-Redirect to a second proxy",
      """
          location / {
            proxy_set_header Host $host;
            proxy_pass http://app;
          }
          location /protected/ {
            internal;
            proxy_set_header Host $host;
            proxy_pass http://@SECOND;
          }
      """, before: app, paths: ["/accel"], pick: 1),
    server(
      "a nested location that proxies",
      """
          location / {
            root @DIR/www;
            location ~ ^/(a|api|redirect|status|page) {
              proxy_set_header Host $host;
              proxy_pass http://app;
            }
          }
      """, before: app, paths: ["/in.txt", "/api/x"]),
    server(
      "a body and a method of its own",
      """
          location / {
            proxy_method POST;
            proxy_set_body "user=$remote_user";
            proxy_set_header Host $host;
            proxy_pass http://app;
          }
      """, before: app),
  ]
}
