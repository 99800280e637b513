"""What commands on all of very many services take, each the real program with a real Nginx that has them all."""
import os
import shutil
import signal
import subprocess
import tempfile
import time

from ports import free_port
from timing import canary


def config(count, apps, ports):
    """A config of services: with a port, in servers of canary's; else in locations of one's own."""
    pools = f'blue: {{ servers: ["127.0.0.1:{apps[0]}"] }}, green: {{ servers: ["127.0.0.1:{apps[1]}"] }}'
    listen = (lambda n: f'listen: ["127.0.0.1:{ports}"], server_names: ["s{n}.example.com"],') if ports else (lambda n: "")
    services = "\n".join(f's{n}: {{ {listen(n)} pools: {{ {pools} }}, stable: "blue" }},' for n in range(count))
    return f'{{ nginx: {{ config: "nginx.conf", include: "canary", logs: "logs", verify: "60s" }}, state: "state", run: "run", services: {{ {services} }} }}'


class Many:
    def __init__(self, count, is_ours):
        self.count, self.folder = count, tempfile.mkdtemp(prefix="canary-many-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        for name in ("canary", "logs", "run", "state"):
            os.mkdir(self.path(name))
        apps, front = (free_port(), free_port()), free_port()
        open(self.path("canary.json5"), "w").write(config(count, apps, front if is_ours else None))
        self.main(apps, "")
        if not is_ours:
            # The files must be there before a location can include them.
            self.timed("apply", "--offline")
            includes = "".join(f"location /s{n}/ {{ include {self.path('canary')}/s{n}.location; proxy_set_header Host $host; }}\n" for n in range(count))
            self.main(apps, f"server {{ listen 127.0.0.1:{front}; {includes} }}")
        subprocess.run(["nginx", "-c", self.path("nginx.conf")], check=True, stderr=subprocess.DEVNULL)

    def path(self, name):
        return f"{self.folder}/{name}"

    def main(self, apps, server):
        open(self.path("nginx.conf"), "w").write(
            f"pid {self.folder}/nginx.pid; error_log {self.folder}/error.log; worker_processes 2; worker_shutdown_timeout 5s;\n"
            f"events {{}} http {{ access_log off; server {{ listen 127.0.0.1:{apps[0]}; listen 127.0.0.1:{apps[1]}; location / {{ return 200; }} }}\n"
            f"include {self.folder}/canary/*.conf; {server} }}\n")

    def timed(self, *words):
        begin = time.perf_counter()
        ran = subprocess.run([canary, *words, "--config", self.path("canary.json5")], capture_output=True, text=True)
        if ran.returncode != 0:
            print(f"    {' '.join(words)} ended with {ran.returncode}: {(ran.stderr or ran.stdout).strip()[-300:]}")
        return time.perf_counter() - begin

    def nginx(self):
        begin = time.perf_counter()
        subprocess.run(["nginx", "-t", "-q", "-c", self.path("nginx.conf")], check=True, stderr=subprocess.DEVNULL)
        return time.perf_counter() - begin

    def close(self):
        os.kill(int(open(self.path("nginx.pid")).read()), signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)


def many():
    count = int(os.environ.get("CANARY_BENCH_SERVICES", "10000"))
    for place, is_ours in (("locations of your own", False), ("servers of canary's", True)):
        world = Many(count, is_ours)
        try:
            print(f"{count:,} services in {place}:")
            for name, words, aim in (
                    ("apply, the first time", ("apply",), "< 60 s"), ("apply with nothing to do", ("apply",), "< 60 s"),
                    ("check", ("check",), "< 60 s"), ("status of all", ("status",), "< 1 s"), ("status of one", ("status", "s5"), "< 1 s"),
                    ("revert of one", ("revert", "s5"), "< 1 s")):
                print(f"  {name:<40}{world.timed(*words):>8.2f} s   aim {aim}", flush=True)
            print(f"  {'nginx -t':<40}{world.nginx():>8.2f} s")
        finally:
            world.close()
