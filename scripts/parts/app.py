"""A small app for the demo: says its version, is healthy, and fails a share of its requests when told to."""
import http.server
import random
import sys

pool, port, version = sys.argv[1], int(sys.argv[2]), sys.argv[3]
failing = float(sys.argv[4]) if len(sys.argv) > 4 else 0.0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without it the small answer waits for the client's delayed ACK: 40 ms.
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self):
        fails = self.path != "/health" and random.random() < failing
        body = b"sorry\n" if fails else f"hello from {version}\n".encode()
        self.send_response(500 if fails else 200)
        self.send_header("X-Pool", pool)
        self.send_header("X-Version", version)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


Server(("127.0.0.1", port), Handler).serve_forever()
