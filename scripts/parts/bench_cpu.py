"""What canary costs Nginx: user instructions for each request (callgrind), against the same written by hand."""
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
SENT = {"X-Forwarded-For": "198.51.100.7", "Cookie": "sid=abc"}
# What one has to log to tell two pools apart by hand; canary's lines say the same.
MEASURED = r"log_format measured '$msec\t$status\t$request_time\t$upstream_addr\t$upstream_status\t$upstream_response_time';"
# Kept connections to the pool, as a location of your own says them; with `listen`, canary says them.
KEEP = 'proxy_http_version 1.1; proxy_set_header Connection "";'
UPGRADE = "map $http_upgrade $bare_connection { default upgrade; '' ''; }\n"


class Bench:
    """A configuration of Nginx by canary or by hand, for one service that is looked at and some others at rest."""

    def __init__(self, world):
        self.world, self.port, self.elsewhere = world, free_port(), free_port()
        self.conf = world.path("cpu.conf")
        self.peers = {}

    def path(self, name):
        return self.world.path(f"cpu/{name}")

    def pools(self):
        return f'pools: {{ blue: {{ servers: ["127.0.0.1:{self.world.blue}"] }}, green: {{ servers: ["127.0.0.1:{self.world.green}"] }} }}, stable: "blue"'

    def write(self, http, log):
        """The main file; `log` is what every location inherits that says none."""
        with open(self.conf, "w") as file:
            file.write(f"daemon off; master_process off; pid {self.world.folder}/cpu.pid; error_log {self.world.folder}/cpu.log;\n"
                       f"events {{ worker_connections 512; }}\nhttp {{ keepalive_requests 10000000; {MEASURED}\n{PATHS.format(self.world.folder)}\n"
                       f"server_names_hash_max_size 8192; variables_hash_max_size 8192;\naccess_log {self.world.folder}/logs/cpu.log {log};\n"
                       f"server {{ listen 127.0.0.1:{self.elsewhere}; location / {{ return 204; }} }}\n{http}\n}}\n")

    def ours(self, listens=False, weight=None, rules="", services=1, before="", log="combined"):
        """What `canary apply` installs, and for a weight what `canary render` prints for it, with the set that belongs to it."""
        subprocess.run(["rm", "-rf", self.path("")], check=True)
        for name in ("canary", "state", "run"):
            os.makedirs(self.path(name))
        os.chmod(self.path(""), 0o755)
        own = f'listen: ["127.0.0.1:{self.port}"],' if listens else ""
        # At rest a server of canary's has the logs that its service names; in a rollout the one that checks read stands for them.
        named = f'access_log: ["{self.world.folder}/logs/cpu.log {log}"],' if listens and weight is None else ""
        others = "".join(f"s{n}: {{ {self.pools()} }},\n" for n in range(1, services))
        with open(self.path("canary.json5"), "w") as file:
            file.write(f"""{{ nginx: {{ config: "{self.conf}", include: "canary", logs: "../logs" }}, state: "state", run: "run", services: {{
                own: {{ {own} {named} {rules} {self.pools()}, keepalive: 64, plan: {{ stages: [{{ weight: 50, soak: "1h" }}, {{ weight: 100, soak: "1s" }}], checks: [] }} }},
                {others} }} }}""")
        open(self.conf, "w").write("events {} http {}")
        config = ["--config", self.path("canary.json5")]
        told = subprocess.run([canary, "apply", "--offline", *config], capture_output=True, text=True)
        assert told.returncode == 0, told.stdout + told.stderr
        if weight is not None:
            text = subprocess.run([canary, "render", "own", "--weight", weight, *config], capture_output=True, text=True, check=True).stdout
            parts = re.split(r"^# (/\S+?)(?:, an empty file.*)?$", text, flags=re.M)
            for path, body in zip(parts[1::2], parts[2::2]):
                if path.startswith(self.path("canary")):
                    open(path, "w").write(body)
                else:
                    os.makedirs(path, exist_ok=True)
                    for seat in body.replace("#", "").split():
                        open(f"{path}/{seat}", "w").close()
        include = f"include {self.path('canary')}"
        locations = "".join(f"location /s{n}/ {{ {include}/s{n}.location; {KEEP} }}\n" for n in range(1, services))
        mine = "" if listens else f"location / {{ {include}/own.location; {KEEP} }}"
        server = f"server {{ listen 127.0.0.1:{free_port() if listens else self.port}; {mine}\n{locations} }}"
        self.write(f"{before}{include}/*.conf;\n{server}", log)

    def bare(self, listens=False, services=1, log="combined", before=""):
        """The same by hand: a group and a location for each service, and with `listens` every line of canary's server {} but its choice."""
        lines = KEEP
        if listens:
            text = open(self.path("canary/own.conf")).read()
            inner = text[text.rindex("    location / {"):]
            lines = "\n".join(line for line in inner.splitlines() if re.match(r" +(proxy_(?!pass|next|method)|client_max)", line))
            lines = re.sub(r"\$canary_connection\w*", "$bare_connection", lines)
        group = lambda name: f"upstream {name} {{ zone {name} 68k; server 127.0.0.1:{self.world.blue}; keepalive 64; }}\n"
        groups = "".join(group(f"bare{n}") for n in range(services))
        others = "".join(f"location /s{n}/ {{ proxy_pass http://bare{n}; {KEEP} }}\n" for n in range(1, services))
        mine = f"location / {{ proxy_pass http://bare0; {lines} }}"
        servers = (f"server {{ listen 127.0.0.1:{self.port}; {mine} }}\nserver {{ listen 127.0.0.1:{free_port()}; {others} }}" if listens
                   else f"server {{ listen 127.0.0.1:{self.port}; {mine}\n{others} }}")
        self.write(before + groups + (UPGRADE if listens else "") + servers, log)

    def instructions(self, port=None, sent={}):
        """User instructions of one worker for each request: counted from the hundredth on, so that starting does not count."""
        words = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=/dev/null", "nginx", "-c", self.conf]
        child = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        switch = lambda state: subprocess.run(["callgrind_control", "-i", state, str(child.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=60)
        for _ in range(2400):
            try:
                connection.connect()
                break
            except OSError:
                time.sleep(0.05)
        for count in (100, 1000):
            for _ in range(count):
                connection.request("GET", "/", headers=sent)
                answer = connection.getresponse()
                answer.read()
                assert answer.status in (200, 204), answer.status
            switch("on" if count == 100 else "off")
        connection.close()
        child.terminate()
        told = child.communicate()[1]
        self.sweep()
        return int(re.search(r"Collected : (\d+)", told).group(1)) / 1000

    def sweep(self):
        """Nginx leaves its sockets behind when it is ended by TERM without a master."""
        for folder, _, names in os.walk(self.path("run")):
            for name in names:
                if name.endswith(".sock"):
                    os.remove(f"{folder}/{name}")

    def compare(self, name, aim, peer_log, services=1, before="", **how):
        """One line: canary's instructions beside those of the same by hand."""
        sent = SENT if how.get("rules") else {}
        listens = how.get("listens", False)
        self.ours(services=services, before=before, **how)
        ours = self.instructions(sent=sent)
        key = (listens, services, peer_log, bool(sent), bool(before))
        if key not in self.peers:
            self.bare(listens, services, peer_log, before)
            self.peers[key] = self.instructions(sent=sent)
        peer = self.peers[key]
        print(f"  {name:<66}{ours:>9,.0f} /{peer:>9,.0f} = {ours / peer:>5.2f}×   aim {aim}", flush=True)

    def resident(self):
        """Kilobytes of a worker, shared ones included."""
        child = subprocess.Popen(["nginx", "-c", self.conf])
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.elsewhere, timeout=60)
            for _ in range(600):
                try:
                    connection.connect()
                    break
                except OSError:
                    time.sleep(0.05)
            lines = open(f"/proc/{child.pid}/status").read().splitlines()
            return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))
        finally:
            child.terminate()
            child.wait()
            self.sweep()


def cpu():
    world = World(canary)
    try:
        bench = Bench(world)
        others = "".join(f"upstream other{n} {{ server 127.0.0.1:{world.blue}; }}\n" for n in range(2000))
        print("user instructions of Nginx for each request, one keep-alive client, against the same by hand:")
        for services in (1, 1000):
            print(f" {services:,} service{'s, the others at rest' if services > 1 else ''}:")
            for listens, where in ((False, "a location of your own"), (True, "a server of canary's")):
                share = {"services": services, "listens": listens}
                bench.compare(f"{where}, at rest", "≤ 1.02×", "combined", **share)
                bench.compare(f"{where}, in a rollout, a plain draw", "≤ 1.2×", "measured", weight="50", **share)
                bench.compare(f"{where}, the same, against the log `combined`", "-", "combined", weight="50", **share)
                bench.compare(f"{where}, in a rollout, every rule", "≤ 1.35×", "measured", weight="50", rules=RULES, **share)
        print(" behind 2,000 groups of somebody else's:")
        bench.compare("a server of canary's, in a rollout, a plain draw", "≤ 1.2×", "measured", listens=True, weight="50", before=others)
        bench.compare("a location of your own, in a rollout, a plain draw", "-", "measured", weight="50", before=others)
    finally:
        world.close()
