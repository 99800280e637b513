"""Steady load for the demo: keepalive clients at a fixed total rate; one line a request: time, status, version."""
import http.client
import signal
import sys
import threading
import time

port, rate, clients, path = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
going = True
lines = []


def stop(*_):
    global going
    going = False


def work(index):
    connection = None
    due = time.time() + index / rate
    while going:
        time.sleep(max(0, due - time.time()))
        due += clients / rate
        began, status, version = time.time(), 0, "-"
        for attempt in range(2):
            kept = connection is not None
            connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                connection.request("GET", "/")
                answer = connection.getresponse()
                answer.read()
                status, version = answer.status, answer.getheader("X-Version", "-")
                break
            except (OSError, http.client.HTTPException):
                connection.close()
                connection = None
                # A kept connection that the server closed meanwhile: as any HTTP client, ask once more on a new one.
                if not kept:
                    break
        lines.append(f"{began:.3f},{status},{version}\n")


signal.signal(signal.SIGTERM, stop)
threads = [threading.Thread(target=work, args=(index,)) for index in range(clients)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with open(path, "w") as file:
    file.writelines(sorted(lines))
