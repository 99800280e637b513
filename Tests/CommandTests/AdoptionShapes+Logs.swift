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
}
