// Shapes of what stands around `proxy_pass` in a location.
extension AdoptionShape {
  private static let app = "upstream app { server @APP; }"

  static let access: [AdoptionShape] = [
    server(
      "auth_request",
      """
          location / {
            auth_request /auth;
            proxy_set_header Host $host;
            proxy_pass http://app;
          }
          location = /auth {
            internal;
            proxy_pass http://@APP/auth-check;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
          }
      """, before: app, pick: 1),
    {
      var shape = server(
        "satisfy any",
        """
            location / {
              satisfy any;
              deny all;
              auth_basic "shop";
              auth_basic_user_file htpasswd;
              proxy_pass http://app;
            }
        """, before: app)
      shape.files["htpasswd"] = "u:{PLAIN}p\n"
      return shape
    }(),
    server(
      "limit_except",
      """
          location / {
            limit_except GET OPTIONS {
              deny all;
            }
            proxy_pass http://app;
          }
      """, before: app),
    server(
      "limit_req and a limit of bodies",
      """
          location / {
            limit_req zone=slow burst=20 nodelay;
            client_max_body_size 5;
            proxy_pass http://app;
          }
      """, before: "limit_req_zone $server_name zone=slow:1m rate=1r/m;\n  \(app)"),
    server(
      "if with return, and the recipe for CORS",
      """
          location / {
            if ($http_x_block) {
              return 403 "blocked\\n";
            }
            if ($request_method = OPTIONS) {
              add_header Access-Control-Allow-Origin *;
              return 204;
            }
            if ($request_method = GET) {
              add_header Access-Control-Allow-Origin $http_origin;
            }
            proxy_set_header Host $host;
            proxy_pass http://app;
          }
      """, before: app),
  ]

  static let redirects: [AdoptionShape] = [
    server(
      "proxy_redirect of its own",
      """
          location / {
            proxy_set_header Host app.internal;
            proxy_redirect http://app.internal/ /shop/;
            proxy_pass http://app;
          }
      """, before: app),
    server(
      "proxy_redirect default",
      """
          location /v1/ {
            proxy_pass http://app/v2/;
            proxy_redirect default;
            proxy_redirect http://app.internal/ /shop/;
          }
      """, before: app, paths: ["/v1/redirect", "/v1/x"]),
    server(
      "proxy_redirect off",
      """
          proxy_redirect off;
          location / {
            proxy_pass http://app;
          }
      """, before: app),
    server(
      "rewrite with break",
      """
          location / {
            rewrite ^/old/(.*)$ /new/$1?was=$uri break;
            proxy_pass http://app;
          }
      """, before: app, paths: ["/old/x?y=1", "/old/redirect"]),
    server(
      "rewrite with break and a path",
      """
          location /api/ {
            rewrite ^/api/old/(.*)$ /new/$1 break;
            proxy_pass http://app/v2/;
          }
      """, before: app, paths: ["/api/old/x?y=1", "/api/x"]),
    server(
      "rewrite without break",
      """
          location / {
            rewrite ^/old/(.*)$ /new/$1;
            rewrite ^/gone/(.*)$ https://other/$1 permanent;
            proxy_pass http://app;
          }
          location /new/ { return 200 "new $uri\\n"; }
      """, before: app, paths: ["/old/x?y=1", "/gone/x"]),
    server(
      "error_page with a file",
      """
          error_page 404 500 502 503 504 /50x.html;
          location = /50x.html { root @DIR/www; }
          location / {
            proxy_intercept_errors on;
            proxy_pass http://app;
          }
      """, before: app, paths: ["/status/503", "/status/500"]),
    server(
      "error_page with a named location",
      """
          location / {
            error_page 404 502 503 = @sorry;
            proxy_intercept_errors on;
            proxy_pass http://app;
          }
          location @sorry { return 200 "sorry $uri\\n"; }
      """, before: app, paths: ["/status/503", "/status/502"]),
    server(
      "X-Accel-Redirect",
      """
          location / {
            proxy_pass http://app;
          }
          location /protected/ {
            internal;
            root @DIR/www;
          }
      """, before: app, paths: ["/accel", "/accel?x"]),
    server(
      "retries",
      """
          proxy_next_upstream error timeout http_503 non_idempotent;
          proxy_next_upstream_tries 3;
          location / {
            proxy_next_upstream_timeout 2s;
            proxy_pass http://app;
          }
      """, before: "upstream app { server @APP max_fails=0; server @SECOND max_fails=0; }",
      paths: ["/status/503"]),
    server(
      "no retries",
      """
          location / {
            proxy_next_upstream off;
            proxy_next_upstream_tries 1;
            proxy_pass http://app;
          }
      """, before: "upstream app { server @APP max_fails=0; server @SECOND max_fails=0; }",
      paths: ["/status/503"]),
  ]

  static let content: [AdoptionShape] = [
    server(
      "a cache",
      """
          location / {
            proxy_cache pages;
            proxy_cache_valid 200 1m;
            proxy_ignore_headers Set-Cookie;
            proxy_cache_bypass $http_x_block;
            proxy_cache_key "$scheme$host$request_uri";
            add_header X-Cache $upstream_cache_status;
            proxy_set_header Host $host;
            proxy_pass http://app;
          }
      """, before: "proxy_cache_path @DIR/cache keys_zone=pages:1m;\n  \(app)"),
    server(
      "try_files and a named location",
      """
          root @DIR/www;
          location / {
            try_files $uri @app;
          }
          location @app {
            proxy_pass http://app;
          }
      """, before: app, paths: ["/50x.html", "/index.html"]),
    server(
      "a regular expression",
      """
          location ~ ^/(?<kind>[a-z]+)/(.*\\.?)$ {
            proxy_set_header X-Kind $kind;
            proxy_set_header X-Rest $2;
            proxy_set_header Host $host;
            proxy_pass http://app;
          }
      """, before: app),
    server(
      "nested locations",
      """
          location / {
            proxy_set_header Host $host;
            location /static/ {
              root @DIR/www;
            }
            location ~ \\.txt$ {
              root @DIR/www;
            }
            proxy_pass http://app;
          }
      """, before: app, paths: ["/static/in.txt", "/in.txt", "/static/none"]),
    server(
      "gzip and sub_filter",
      """
          gzip on; gzip_min_length 10; gzip_proxied any;
          location / {
            sub_filter secret public;
            sub_filter_once off;
            proxy_set_header Accept-Encoding "";
            proxy_pass http://app;
          }
      """, before: app),
    server(
      "ssi",
      """
          location / {
            ssi on;
            proxy_pass http://app;
          }
      """, before: app),
    server(
      "mirror",
      """
          location / {
            mirror /copy;
            proxy_set_header Host $host;
            proxy_pass http://app;
          }
          location = /copy {
            internal;
            proxy_pass http://@SECOND/copied$request_uri;
          }
      """, before: app, pick: 1),
    server(
      "buffering and temporary files",
      """
          location / {
            proxy_buffering on;
            proxy_buffers 4 4k;
            proxy_max_temp_file_size 0;
            proxy_request_buffering off;
            proxy_pass_request_headers on;
            proxy_pass http://app;
          }
      """, before: app),
  ]
}
