"""A world for one benchmark: backends, an Nginx in front of them, a config; all on loopback, ended by its ids."""
import json
import os
import shutil
import subprocess
import tempfile
import time

from ports import free_port

PATHS = "client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;"


class World:
    def __init__(self, canary, services=1, stages='{ weight: 50, soak: "1h" }, { weight: 100, soak: "1s" }', extra=""):
        self.canary, self.services = canary, services
        self.folder = tempfile.mkdtemp(prefix="canary-bench-")
        os.chmod(self.folder, 0o755)
        for name in ("canary", "state", "run", "logs", "apps"):
            os.makedirs(f"{self.folder}/{name}")
            os.chmod(f"{self.folder}/{name}", 0o777)
        self.port, self.blue, self.green, self.bare = (free_port() for _ in range(4))
        self.children = []
        self.stages = stages
        self._apps()
        self._config()
        self._nginx(extra)
        self.run("apply", "chat")

    def path(self, name):
        return f"{self.folder}/{name}"

    def _apps(self):
        servers = "".join(
            f'server {{ listen 127.0.0.1:{port}; add_header X-Pool {pool} always; location / {{ return 200 "{pool}\\n"; }} }}\n'
            for pool, port in (("blue", self.blue), ("green", self.green)))
        open(self.path("apps/nginx.conf"), "w").write(
            f"daemon off; worker_processes 1; pid {self.folder}/apps/pid; error_log {self.folder}/apps/error.log;\n"
            f"events {{ worker_connections 4096; }}\nhttp {{ access_log off; keepalive_requests 10000000; {PATHS.format(self.folder + '/apps')}\n{servers}}}\n")
        self.start(["nginx", "-c", self.path("apps/nginx.conf")])

    def _nginx(self, extra):
        open(self.path("nginx.conf"), "w").write(
            f"daemon off; worker_processes 2; pid {self.folder}/nginx.pid; error_log {self.folder}/error.log;\n"
            f"events {{ worker_connections 4096; }}\nhttp {{ access_log off; keepalive_requests 10000000; {PATHS.format(self.folder)}\n"
            f"{extra.format(world=self)}\ninclude {self.folder}/canary/*.conf;\n}}\n")
        for index in range(1, self.services):
            self._other(index)
        self.start(["nginx", "-c", self.path("nginx.conf")])
        deadline = time.time() + 60
        while not (os.path.exists(self.path("nginx.pid")) and os.path.getsize(self.path("nginx.pid"))) and time.time() < deadline:
            time.sleep(0.02)

    def _other(self, index):
        """Another generated service: the same text under another name. Nginx does not look at the seal."""
        if index == 1:
            self.template = subprocess.run(
                [self.canary, "render", "svc1", "--config", self.path("canary.json5")], capture_output=True, text=True, check=True).stdout.split("# " + self.path("canary/svc1.location"))[0]
        open(self.path(f"canary/svc{index}.conf"), "w").write(self.template.replace("svc1", f"svc{index}"))

    def _config(self):
        pools = f'pools: {{ blue: {{ servers: ["127.0.0.1:{self.blue}"] }}, green: {{ servers: ["127.0.0.1:{self.green}"] }} }}, stable: "blue"'
        others = "".join(f"    svc{index}: {{ {pools} }},\n" for index in range(1, self.services))
        open(self.path("canary.json5"), "w").write(f"""{{
  nginx: {{
    config: "nginx.conf", include: "canary", logs: "logs", verify: "60s",
    test: ["nginx", "-t", "-q", "-c", "{self.folder}/nginx.conf"],
    reload: ["nginx", "-s", "reload", "-c", "{self.folder}/nginx.conf"],
  }},
  state: "state", run: "run",
  services: {{
    chat: {{ listen: ["127.0.0.1:{self.port}"], {pools}, plan: {{ stages: [{self.stages}],
      checks: [{{ name: "errors", metric: "error_rate", max: "5%", every: "1s" }}, {{ name: "p99", metric: "latency_p99", max: "1s", every: "1s" }}],
      ready: {{ path: "/", times: 1 }} }} }},
{others}  }},
}}
""")

    def start(self, words):
        child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.children.append(child)
        return child

    def command(self, *words):
        return [self.canary, *words, "--config", self.path("canary.json5")]

    def run(self, *words, check=True):
        ran = subprocess.run(self.command(*words), capture_output=True, text=True)
        if check and ran.returncode != 0:
            raise SystemExit(f"canary {words}: {ran.returncode}: {ran.stdout}{ran.stderr}")
        return ran

    def status(self):
        return json.loads(self.run("status", "chat", "--json").stdout)

    def soak(self):
        """Starts a rollout that another process drives, and waits until it soaks."""
        self.run("promote", "chat", "--detach")
        while self.status()["phase"] != "soaking":
            time.sleep(0.02)

    def close(self):
        self.run("revert", "chat", check=False)
        for child in self.children:
            child.terminate()
        for child in self.children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
