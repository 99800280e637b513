"""What services at rest cost the rest of an Nginx that has a thousand of them, against the same written by hand."""
import os
import re
import resource
import subprocess

from bench_cpu import KEEP, UPGRADE, Bench
from timing import canary
from world import World

COUNT = 1000


class Rest(Bench):
    def services(self, are_ours):
        """What canary writes for all of them: servers of its own, or what locations of one's own include."""
        subprocess.run(["rm", "-rf", self.path("")], check=True)
        for name in ("canary", "state", "run"):
            os.makedirs(self.path(name))
        os.chmod(self.path(""), 0o755)
        # One log for all, as Nginx has it where nothing else is said.
        own = lambda n: f'listen: ["127.0.0.1:{self.port}"], server_names: ["s{n}.example.com"], access_log: ["{self.world.folder}/logs/cpu.log combined"],' if are_ours else ""
        with open(self.path("canary.json5"), "w") as file:
            services = "".join(f"s{n}: {{ {own(n)} {self.pools()} }},\n" for n in range(COUNT))
            file.write(f'{{ nginx: {{ config: "{self.conf}", include: "canary", logs: "../logs" }}, state: "state", run: "run", services: {{ {services} }} }}')
        open(self.conf, "w").write("events {} http {}")
        told = subprocess.run([canary, "apply", "--offline", "--config", self.path("canary.json5")], capture_output=True, text=True)
        assert told.returncode == 0, told.stdout + told.stderr
        include = f"include {self.path('canary')}"
        locations = "".join(f"location /s{n}/ {{ {include}/s{n}.location; {KEEP} }}\n" for n in range(COUNT))
        self.write(f"{include}/*.conf;\n" + ("" if are_ours else f"server {{ listen 127.0.0.1:{self.port}; {locations} }}"), "combined")

    def by_hand(self, are_ours, in_files):
        """The same by hand: everything in one file, or a file for each service."""
        os.makedirs(self.path("hand"), exist_ok=True)
        lines = KEEP
        if are_ours:
            text = open(self.path("canary/s1.conf")).read()
            inner = text[text.rindex("    location / {"):]
            lines = "\n".join(line for line in inner.splitlines() if re.match(r" +(proxy_(?!pass|next|method)|client_max)", line)).replace("$canary_connection", "$bare_connection")
        names = [f"s{n}" for n in range(COUNT)]
        keep = "keepalive 64;" if are_ours else ""
        texts = {name: f"upstream {name} {{ server 127.0.0.1:{self.world.blue}; {keep} }}\n" for name in names}
        passes = {name: f"proxy_pass http://{name}; {lines}" for name in names}
        if are_ours:
            for name in names:
                texts[name] += f"server {{ listen 127.0.0.1:{self.port}; server_name {name}.example.com; location / {{ {passes[name]} }} }}\n"
        http = UPGRADE
        if in_files:
            for name, text in texts.items():
                open(self.path(f"hand/{name}.conf"), "w").write(text)
            http += f"include {self.path('hand')}/*.conf;\n"
        else:
            http += "".join(texts.values())
        if not are_ours:
            locations = "".join(f"location /{name}/ {{ {passes[name]} }}\n" for name in names)
            http += f"server {{ listen 127.0.0.1:{self.port}; {locations} }}"
        self.write(http, "combined")

    def tested(self):
        """Milliseconds of the processor that `nginx -t` takes, which a busy host does not change much; the least of many."""
        def once():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(["nginx", "-t", "-q", "-c", self.conf], check=True, stderr=subprocess.DEVNULL)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return min(once() for _ in range(15)) * 1000

    def figures(self):
        return self.tested(), self.resident() / 1024, self.instructions(port=self.elsewhere)


def rest():
    world = World(canary)
    try:
        bench = Rest(world)
        for are_ours, where in ((False, "locations of your own"), (True, "servers of canary's")):
            print(f"{COUNT:,} services at rest in {where}, against the same by hand in one file, and in a file for each:")
            bench.services(are_ours)
            ours = bench.figures()
            peers = []
            for in_files in (False, True):
                bench.by_hand(are_ours, in_files)
                peers.append(bench.figures())
            for index, (what, unit) in enumerate((("nginx -t, of the processor", "ms"), ("memory of a worker", "MB"), ("instructions of a request to another server", ""))):
                ratios = ", ".join(f"{peer[index]:,.1f} {unit} = {ours[index] / peer[index]:.2f}×" for peer in peers)
                print(f"  {what:<46}{ours[index]:>9,.1f} / {ratios}   aim ≤ 1.1×", flush=True)
    finally:
        world.close()
