#!/usr/bin/env python3
"""Begins a rollout for whoever knows a secret: one HTTP request on standard input, its answer on standard output.

systemd listens (canary-trigger.socket) and starts this for each connection, so nothing of canary's listens. A request is

    POST / HTTP/1.1
    X-Canary-Signature: sha256=<HMAC-SHA-256 of the body, in hexadecimal>
    Content-Length: ...

    {"service": "chat", "release": "v1.3.0", "time": 1764000000}

signed with the secret in the file $TRIGGER_SECRET, of a service that stands in $TRIGGER_SERVICES, and not older than
five minutes, so that nobody can send it once more.
"""
import hashlib, hmac, json, os, re, signal, subprocess, sys, time

LONGEST = 64 * 1024
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}")


def answer(status, text):
    body = (text.strip() + "\n").encode()
    sys.stdout.buffer.write(
        b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
        % (status.encode(), len(body), body))
    sys.stdout.buffer.flush()
    sys.exit(0)


def read_request():
    head = sys.stdin.buffer.readline(8192)
    if not head.startswith(b"POST "):
        answer("405 Method Not Allowed", "only POST begins a rollout")
    fields = {}
    for _ in range(100):
        line = sys.stdin.buffer.readline(8192)
        if line in (b"\r\n", b"\n", b""):
            break
        name, _, value = line.decode("latin-1").partition(":")
        fields[name.strip().lower()] = value.strip()
    length = fields.get("content-length", "")
    if not length.isdecimal() or int(length) > LONGEST:
        answer("400 Bad Request", "it needs a Content-Length of at most %d" % LONGEST)
    return fields, sys.stdin.buffer.read(int(length))


def main():
    signal.alarm(10)  # Whoever sends slowly holds nothing up.
    fields, body = read_request()
    with open(os.environ["TRIGGER_SECRET"], "rb") as file:
        secret = file.read().strip()
    if len(secret) < 16:
        answer("500 Internal Server Error", "the secret has fewer than 16 bytes")
    wanted = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted, fields.get("x-canary-signature", "")):
        answer("403 Forbidden", "the signature is not right")
    try:
        asked = json.loads(body)
        service, release, sent = asked["service"], asked["release"], float(asked["time"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        answer("400 Bad Request", "it needs service, release and time")
    if not (isinstance(service, str) and NAME.fullmatch(service) and service in os.environ.get("TRIGGER_SERVICES", "").split()):
        answer("404 Not Found", "no such service in TRIGGER_SERVICES")
    if not (isinstance(release, str) and RELEASE.fullmatch(release)):
        answer("400 Bad Request", "that is no name of a release")
    if not abs(time.time() - sent) < 300:
        answer("403 Forbidden", "it was signed more than five minutes ago, or the clocks differ")
    signal.alarm(0)
    words = [os.environ.get("CANARY", "canary"), "promote", service, "--release", release, "--detach",
             "--reason", "asked for by the trigger"]
    ran = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    status = {0: "202 Accepted", 2: "400 Bad Request", 5: "409 Conflict"}.get(ran.returncode, "500 Internal Server Error")
    answer(status, ran.stdout.decode("utf-8", "replace"))


main()
