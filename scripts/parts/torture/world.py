"""A world for the torture of one lane: apps, a real Nginx, a config with short plans, the real program, and clients that never rest."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from ports import free_port

TEMPORARY = "client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;"
FLAVOURS = ("seats", "upstream", "own", "hooked", "tcp")
STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so"
# Longer than any command takes here, even traced and beside five others on two cores.
PATIENCE = 60


class Trouble(Exception):
    """The world itself did not come up or answer: nothing that is known to be canary's fault."""


class Ran:
    def __init__(self, words, code, text, began, ended):
        self.words, self.code, self.text, self.began, self.ended = words, code, text, began, ended

    def __str__(self):
        return f"`canary {' '.join(self.words)}` ended with {self.code}: {self.text.strip()[-600:] or '(no output)'}"


def ask(port, kept=None):
    """One request: (pool that answered, or what went wrong; a connection to keep)."""
    try:
        one = kept or socket.create_connection(("127.0.0.1", port), 10)
        one.sendall(b"GET / HTTP/1.1\r\nHost: torture\r\n\r\n")
        data = b""
        while b"\r\n\r\n" not in data or not data.endswith(b"\n"):
            more = one.recv(4096)
            if not more:
                one.close()
                return ("cut off" if data else "closed"), None
            data += more
        status, body = data[9:12], data.rsplit(b"\r\n\r\n", 1)[1].strip()
        if status != b"200":
            one.close()
            return f"status {status.decode()}", None
        return body.decode(), one
    except OSError as error:
        if kept:
            kept.close()
        return f"{type(error).__name__}", None


class Load(threading.Thread):
    """Clients that never rest: kept connections and new ones in turn; remembers when each request began, and who answered."""

    def __init__(self, port, keeps=True, pause=0.02):
        super().__init__(daemon=True)
        self.port, self.keeps, self.pause, self.going, self.seen = port, keeps, pause, True, []

    def run(self):
        kept, turn = None, 0
        while self.going:
            turn += 1
            began = time.time()
            if self.keeps and turn % 3:
                had = kept is not None
                answer, kept = ask(self.port, kept)
                if had and answer in ("closed", "ConnectionResetError", "BrokenPipeError"):
                    # A kept connection that the server closed meanwhile: any client asks once more.
                    answer, kept = ask(self.port)
            else:
                answer, one = ask(self.port)
                if one:
                    one.close()
            self.seen.append((began, answer))
            if len(self.seen) > 20000:
                del self.seen[:10000]
            time.sleep(self.pause)

    def between(self, began, ended=None):
        return [entry for entry in self.seen if began <= entry[0] <= (ended or time.time())]


class World:
    def __init__(self, canary, flavour, small=True):
        self.canary, self.flavour = canary, flavour
        self.folder = tempfile.mkdtemp(prefix="canary-torture-")
        os.chmod(self.folder, 0o755)
        self.mounted = False
        os.makedirs(self.path("disk"))
        if small:
            self.mounted = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=12m,nr_inodes=1500,mode=755", "canary-torture", self.path("disk")],
                capture_output=True).returncode == 0
        for name in ("disk/canary", "disk/state", "disk/run", "logs", "apps"):
            os.makedirs(self.path(name))
        self.port, self.blue, self.green = (free_port() for _ in range(3))
        self.children, self.edge = [], None
        # Processes of others, and since when they have been met.
        self.others = {}
        self._apps()
        self._config()
        self._script()
        self.start_nginx()
        first = self.run("apply")
        if first.code:
            raise Trouble(f"the first apply: {first}")
        self.wait("the service", lambda: ask(self.port)[0] == "blue")
        # A connection of TCP stays where it began.
        self.load = Load(self.port, keeps=self.flavour != "tcp")
        self.load.start()

    def path(self, name):
        return f"{self.folder}/{name}"

    # The apps and the Nginx in front of them.

    def _apps(self):
        servers = "".join(
            f'server {{ listen 127.0.0.1:{port}; location /health {{ if (-f {self.folder}/apps/{pool}.sick) {{ return 503; }} return 200 "ok\\n"; }} '
            f'location / {{ return 200 "{pool}\\n"; }} }}\n'
            for pool, port in (("blue", self.blue), ("green", self.green)))
        with open(self.path("apps/nginx.conf"), "w") as file:
            file.write(
                f"daemon off; worker_processes 1; pid {self.folder}/apps/pid; error_log {self.folder}/apps/error.log;\n"
                f"events {{ worker_connections 1024; }}\nhttp {{ access_log off; keepalive_requests 10000000; "
                f"{TEMPORARY.format(self.folder + '/apps')}\n{servers}}}\n")
        self._start(["nginx", "-c", self.path("apps/nginx.conf")])
        for port in (self.blue, self.green):
            self.wait("an app", lambda: ask(port)[0] in ("blue", "green"))

    def start_nginx(self):
        """Starts the Nginx in front, as its unit does: stale sockets are removed first."""
        run = self.path("disk/run")
        for name in os.listdir(run):
            if name.endswith(".sock"):
                os.unlink(f"{run}/{name}")
        own = f"server {{ listen 127.0.0.1:{self.port}; location / {{ include {self.folder}/disk/canary/chat.location; proxy_set_header Host $host; }} }}" if self.flavour == "own" else ""
        stream = f"stream {{ include {self.folder}/disk/canary/*.stream; }}" if self.flavour == "tcp" else ""
        with open(self.path("nginx.conf"), "w") as file:
            file.write(
                (f"load_module {STREAM};\n" if stream else "")
                + f"daemon off; worker_processes 2; pid {self.folder}/nginx.pid; error_log {self.folder}/error.log; worker_shutdown_timeout 20s;\n"
                f"events {{ worker_connections 1024; }}\nhttp {{ access_log off; keepalive_requests 10000000; {TEMPORARY.format(self.folder)}\n"
                f"include {self.folder}/disk/canary/*.conf;\n{own} }}\n{stream}\n")
        if self.flavour == "own" and not os.path.exists(self.path("disk/canary/chat.location")):
            with open(self.path("disk/canary/chat.location"), "w") as file:
                file.write(f"proxy_pass http://127.0.0.1:{self.blue};\n")
        for name in ("nginx.pid",):
            if os.path.exists(self.path(name)):
                os.unlink(self.path(name))
        self.edge = self._start(["nginx", "-c", self.path("nginx.conf")])
        try:
            self.wait("nginx", lambda: os.path.exists(self.path("nginx.pid")) and os.path.getsize(self.path("nginx.pid")) > 0)
        except Trouble as trouble:
            with open(self.path("error.log"), errors="replace") as file:
                raise Trouble(f"{trouble} (it ended with {self.edge.poll()}): {''.join(line for line in file if '[emerg]' in line)[-900:]}") from None

    def kill_nginx(self):
        """Ends the Nginx in front at once, its workers too, as a power cut would."""
        # The master first: it may be about to start another worker.
        send(self.edge.pid, signal.SIGKILL)
        self.edge.wait()

        def are_gone():
            left = self.workers()
            for pid in left:
                send(pid, signal.SIGKILL)
            return not left

        self.wait("the workers' end", are_gone)

    def workers(self):
        """The workers of the Nginx in front, also when their master is dead: they are of its session."""
        found = []
        for name in os.listdir("/proc"):
            try:
                with open(f"/proc/{name}/stat") as file:
                    facts = file.read().rsplit(")", 1)[1].split()
            except (OSError, IndexError):
                continue
            if name.isdigit() and facts[3] == str(self.edge.pid) and name != str(self.edge.pid) and facts[0] != "Z":
                found.append(int(name))
        return found

    def _start(self, words):
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self.children.append(child)
        return child

    # The config.

    def _config(self):
        if self.flavour == "tcp":
            says = f'protocol: "tcp", listen: ["127.0.0.1:{self.port}"],'
        elif self.flavour == "own":
            says = ""
        else:
            says = f'listen: ["127.0.0.1:{self.port}"],'
        if self.flavour == "upstream":
            says += ' weights: "upstream",'
        top = ""
        if self.flavour == "hooked":
            says += ' hooks: { before_stage: [{ run: ["sleep", "0.15"], timeout: "10s" }], after_revert: [{ run: ["sleep", "0.05"], timeout: "10s" }] },'
            top = f'notify: {{ file: {{ command: ["/bin/sh", "-c", "cat >> {self.folder}/notices"] }} }},'
        ready = '' if self.flavour == "tcp" else ', ready: { path: "/health", times: 1 }'
        check = '' if self.flavour == "tcp" else '{ name: "health", probe: "/health", every: "100ms", failures: 3 }'
        plan = lambda *stages: f'{{ stages: [{", ".join(stages)}], checks: [{check}]{ready} }}'
        stage = lambda weight, soak: f'{{ weight: {weight}, soak: "{soak}" }}'
        with open(self.path("canary.json5"), "w") as file:
            file.write(f"""{{
  nginx: {{
    config: "nginx.conf", include: "disk/canary", logs: "logs", verify: "10s",
    test: ["{self.folder}/bin/nginx", "-t", "-q", "-c", "{self.folder}/nginx.conf"],
    reload: ["{self.folder}/bin/nginx", "-s", "reload", "-c", "{self.folder}/nginx.conf"],
  }},
  state: "disk/state", run: "disk/run", {top}
  services: {{
    chat: {{ {says}
      pools: {{ blue: {{ servers: ["127.0.0.1:{self.blue}"] }}, green: {{ servers: ["127.0.0.1:{self.green}"] }} }}, stable: "blue",
      plan: {plan(stage(30, "250ms"), stage(60, "250ms"), stage(100, "150ms"))} }},
  }},
  plans: {{ now: {plan(stage(100, "100ms"))}, long: {plan(stage(50, "1h"), stage(100, "1h"))} }},
}}
""")

    def _script(self):
        """What canary calls as Nginx: it is Nginx, but for the fault that a case asks for, once."""
        os.makedirs(self.path("bin"))
        with open(self.path("bin/nginx"), "w") as file:
            file.write(f"""#!/bin/sh
case "$*" in *reload*) way=reload ;; *) way=test ;; esac
if [ -e {self.folder}/fault.$way ]; then
  read -r fault call number <{self.folder}/fault.$way
  rm -f {self.folder}/fault.$way
fi
case $fault in
  fail) exit 1 ;;
  kill) kill -9 $$ ;;
  slow) sleep 2 ;;
  lie) exit 0 ;;
  late) sleep 1 ;;
  at) exec strace -f -qq -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when=$number {shutil.which("nginx")} "$@" ;;
esac
exec {shutil.which("nginx")} "$@"
""")
        os.chmod(self.path("bin/nginx"), 0o755)

    # The program.

    def words(self, *words):
        return [self.canary, *words, "--config", self.path("canary.json5")]

    def launch(self, *words, before=(), environment=None):
        """Starts the program, and leaves it running; its output goes to a file."""
        output = tempfile.TemporaryFile(dir=self.path("logs"))
        child = subprocess.Popen([*before, *self.words(*words)], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                 env={**os.environ, **(environment or {})}, start_new_session=True)
        child.words, child.output, child.began = words, output, time.time()
        return child

    def end(self, child, patience=PATIENCE):
        """Waits for what was launched; whatever does not end is killed, and has the code "hangs"."""
        try:
            code = child.wait(patience)
        except subprocess.TimeoutExpired:
            stacks = self._stacks(child.pid)
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
            code = f"hangs ({stacks})"
        ended = time.time()
        child.output.seek(0)
        text = child.output.read().decode(errors="replace")
        child.output.close()
        if "crashed:" in text:
            # Of a crash, the way to it is enough.
            lines = [re.sub(r" +\[\w+\]| +0x[0-9a-f]+", "", line.strip()) for line in text.splitlines()]
            first = next(index for index, line in enumerate(lines) if line.endswith("crashed:"))
            text = "\n".join(line for line in lines[first:first + 60] if re.match(r"^(\d+ .* in |Thread )", line))[:880]
        return Ran(child.words, code, text, child.began, ended)

    def _stacks(self, pid):
        try:
            return "; ".join(open(f"/proc/{pid}/task/{task}/wchan").read() for task in os.listdir(f"/proc/{pid}/task"))
        except OSError:
            return "no stacks"

    def run(self, *words, **options):
        return self.end(self.launch(*words, **options))

    def status(self):
        ran = self.run("status", "chat", "--json")
        # Lines of standard error may stand before it, as when this very command puts the brake on.
        try:
            return json.loads(ran.text[ran.text.index("{\n"):]), ran
        except ValueError:
            return None, ran

    def ours(self, *, guards=True):
        """The processes of canary in this world: (pid, words)."""
        found, now, met = [], time.time(), {}
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            # A process that was another's two seconds after it came stays another's: to look at each costs most of a case.
            met[name] = self.others.get(name, now)
            if now - met[name] > 2:
                continue
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    words = [word.decode(errors="replace") for word in file.read().split(b"\0")[:-1]]
                if not words or words[0] != self.canary or not any(self.folder in word for word in words):
                    continue
                del met[name]
                with open(f"/proc/{name}/stat") as file:
                    if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                        continue
            except OSError:
                continue
            # What only tells others of a brake ends by itself.
            if words[1] != "__announce" and (guards or words[1] != "__guard"):
                found.append((int(name), words[1:]))
        self.others = met
        return found

    def wait(self, what, holds, patience=30.0):
        limit = time.time() + patience
        while time.time() < limit:
            if holds():
                return
            time.sleep(0.01)
        raise Trouble(f"waited {patience:.0f} s for {what}")

    def pools(self, count=16):
        """Who answers now, on new connections."""
        seen = {}
        for _ in range(count):
            answer, one = ask(self.port)
            if one:
                one.close()
            seen[answer] = seen.get(answer, 0) + 1
        return seen

    def fill(self):
        """Leaves the disk without a free block."""
        with open(self.path("disk/filler"), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass

    def use_up_inodes(self):
        os.makedirs(self.path("disk/inodes"), exist_ok=True)
        try:
            for index in range(100_000):
                open(self.path(f"disk/inodes/{index}"), "w").close()
        except OSError:
            pass

    def make_room(self):
        shutil.rmtree(self.path("disk/inodes"), ignore_errors=True)
        if os.path.exists(self.path("disk/filler")):
            os.unlink(self.path("disk/filler"))

    def close(self):
        if hasattr(self, "load"):
            self.load.going = False
            self.load.join(15)
        for pid, _ in self.ours():
            send(pid, signal.SIGKILL)
        for child in self.children:
            for pid in [*children_of(child.pid), *(self.workers() if child is self.edge else []), child.pid]:
                send(pid, signal.SIGKILL)
            child.wait()
        if self.mounted:
            subprocess.run(["umount", "-l", self.path("disk")], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []
