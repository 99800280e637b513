"""What a request costs Nginx: user instructions, counted by callgrind, against a bare proxy_pass in the same run."""
import http.client
import os
import re
import subprocess
import time

from ports import free_port
from timing import canary
from world import PATHS, World

RULES = """sticky: "cookie:sid", trusted: ["127.0.0.1"],
  preview: [{ header: { name: "X-Preview", value: "S3cret" }, from: ["192.0.2.0/24"] }, { header: { name: "X-User-Tag", values: ["beta"] } }],
  never: { from: ["203.0.113.0/24"] },"""


def generate(world, weight, service):
    """The files that `canary render` prints for a service of its own location, and the set that belongs to them."""
    # Another folder than that of the running Nginx, which listens there.
    config = open(world.path("canary.json5")).read().replace('run: "run"', 'run: "cpu"').replace(
        "services: {", f'services: {{ own: {{ {service} pools: {{ blue: {{ servers: ["127.0.0.1:{world.blue}"] }}, green: {{ servers: ["127.0.0.1:{world.green}"] }} }}, keepalive: 64, stable: "blue", plan: {{ stages: [{{ weight: 50, soak: "1h" }}, {{ weight: 100, soak: "1s" }}], checks: [] }} }},', 1)
    open(world.path("cpu.json5"), "w").write(config)
    words = [canary, "render", "own", "--config", world.path("cpu.json5")] + (["--weight", weight] if weight else [])
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    parts = re.split(r"^# (/\S+?)(?:, an empty file.*)?$", text, flags=re.M)
    files = dict(zip(parts[1::2], parts[2::2]))
    made = {"main": "", "location": ""}
    os.makedirs(world.path("cpu"), exist_ok=True)
    os.chmod(world.path("cpu"), 0o755)
    for path, body in files.items():
        if path.endswith(".conf"):
            made["main"] = body
        elif path.endswith(".location"):
            made["location"] = body
        else:
            os.makedirs(path, exist_ok=True)
            for seat in body.replace("#", "").split():
                open(f"{path}/{seat}", "w").close()
    return made


def instructions(world, http_block, port, headers):
    """User instructions of one worker for each request: two runs, so that starting and ending cancel out."""
    conf = world.path("cpu.conf")
    open(conf, "w").write(
        f"daemon off; master_process off; pid {world.folder}/cpu.pid; error_log {world.folder}/cpu.log;\n"
        f"events {{ worker_connections 512; }}\nhttp {{ access_log off; keepalive_requests 10000000; {PATHS.format(world.folder)}\n{http_block}\n}}\n")
    totals = []
    for count in (200, 1200):
        child = subprocess.Popen(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "nginx", "-c", conf], stderr=subprocess.PIPE, text=True)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for _ in range(600):
            try:
                connection.connect()
                break
            except OSError:
                time.sleep(0.05)
        for _ in range(count):
            connection.request("GET", "/", headers=headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
        connection.close()
        child.terminate()
        # Nginx leaves its socket behind when it is ended by TERM without a master.
        told = child.communicate()[1]
        if os.path.exists(world.path("cpu/probe.sock")):
            os.remove(world.path("cpu/probe.sock"))
        totals.append(int(re.search(r"Collected : (\d+)", told).group(1)))
    return (totals[1] - totals[0]) / 1000


def cpu():
    world = World(canary)
    try:
        port = free_port()
        log = f"access_log {world.folder}/logs/bare.log combined;"
        keep = 'proxy_http_version 1.1; proxy_set_header Connection "";'
        others = "".join(f"upstream other{n} {{ server 127.0.0.1:{world.blue}; }}\n" for n in range(2000))
        bare = f"upstream bare {{ zone bare 64k; server 127.0.0.1:{world.blue}; keepalive 64; }}\nserver {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://bare; {keep} {log} }} }}"
        headers = {"X-Forwarded-For": "198.51.100.7", "Cookie": "sid=abc"}
        print("user instructions of Nginx for each request, one keep-alive client, against a bare proxy_pass with a log:")
        peers = {}
        for name, weight, service, before, sent, aim in (
                ("at rest, in a location of your own", None, "", "", {}, "≤ 1.02×"),
                ("in a rollout, a plain draw, in a location of your own", "50", "", "", {}, "≤ 1.2×"),
                ("the same behind 2,000 upstream groups of others", "50", "", others, {}, "-"),
                ("at rest, in a server of canary's", None, f'listen: ["127.0.0.1:{port}"],', "", {}, "≤ 1.02×"),
                ("in a rollout, a plain draw, in a server of canary's", "50", f'listen: ["127.0.0.1:{port}"],', "", {}, "≤ 1.2×"),
                ("in a rollout with every rule of who meets the canary", "50", RULES, "", headers, "≤ 1.35×")):
            made = generate(world, weight, service)
            server = "" if "listen" in service else f"server {{ listen 127.0.0.1:{port}; location / {{ {made['location']} {keep} }} }}"
            key = tuple(sent)
            if key not in peers:
                peers[key] = instructions(world, bare, port, sent)
            ours = instructions(world, before + made["main"] + server, port, sent)
            print(f"  {name:<58}{ours:>9,.0f} /{peers[key]:>9,.0f} = {ours / peers[key]:>6.2f}×   aim {aim}")
    finally:
        world.close()
