"""What a controller costs: 1,000 services at rest, and 1,000 checks on one Prometheus."""
import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.request

from ports import free_port
from timing import canary
from world import World


def counter(port):
    """How many queries Prometheus has answered."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    return sum(float(line.split()[-1]) for line in text.splitlines()
               if line.startswith('prometheus_http_requests_total') and 'handler="/api/v1/query"' in line)


def checks():
    """1,000 checks of 200 services, asked by the controller as standing guards; a fifth of them of a server that never answers."""
    with tempfile.TemporaryDirectory(prefix="canary-bench-") as folder:
        port, silent = free_port(), socket.socket()
        silent.bind(("127.0.0.1", 0))
        silent.listen(1024)
        open(f"{folder}/prom.yml", "w").write("global: { scrape_interval: 5s }\nscrape_configs: [{ job_name: self, static_configs: [{ targets: ['127.0.0.1:%d'] }] }]\n" % port)
        guards = "".join(f'{{ name: "q{n}", prometheus: "vector({n})", max: 9, every: "10s" }},' for n in range(4))
        guards += '{ name: "slow", prometheus: "vector(1)", max: 9, every: "10s", endpoint: "silent" },'
        services = "".join(f's{n}: {{ pools: {{ blue: {{ servers: ["127.0.0.1:1"] }}, green: {{ servers: ["127.0.0.1:2"] }} }}, stable: "blue", guards: [{guards}] }},' for n in range(200))
        open(f"{folder}/canary.json5", "w").write(
            f'{{ state: "state", run: "run", endpoints: {{ prometheus: {{ url: "http://127.0.0.1:{port}" }}, silent: {{ url: "http://127.0.0.1:{silent.getsockname()[1]}" }} }}, services: {{ {services} }} }}')
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        children = [subprocess.Popen(["prometheus", f"--config.file={folder}/prom.yml", f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"], **quiet)]
        try:
            time.sleep(4)
            children.append(subprocess.Popen([canary, "controller", "--config", f"{folder}/canary.json5"], **quiet))
            time.sleep(15)
            pid, most = children[1].pid, 0
            spent = lambda: sum(int(x) for x in open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[11:13]) / os.sysconf("SC_CLK_TCK")
            before, cpu, begin = counter(port), spent(), time.perf_counter()
            while time.perf_counter() - begin < 60:
                lines = open(f"/proc/{pid}/status").read().splitlines()
                most = max(most, *(int(line.split()[1]) for line in lines if line.startswith("VmRSS")))
                time.sleep(0.5)
            seconds = time.perf_counter() - begin
            asked = counter(port) - before
            print("1,000 checks of 200 services, every 10 s each, 200 of them of a server that never answers:")
            print(f"  {asked / seconds:.1f} answers a second of 80 asked for = {asked / seconds / 80:.2f}×   aim ≥ 0.95×")
            print(f"  resident memory at most {most / 1024:.1f} MB   aim < 100 MB; {100 * (spent() - cpu) / seconds:.1f} % of a core")
        finally:
            for child in children:
                child.terminate()
                child.wait()


def controller():
    """1,000 services at rest and 50 rollouts in their soak, with the checks of a plan that names none, driven by one controller."""
    world = World(canary)
    try:
        pools = f'pools: {{ blue: {{ servers: ["127.0.0.1:{world.blue}"] }}, green: {{ servers: ["127.0.0.1:{world.green}"] }} }}, stable: "blue"'
        plan = 'plan: { stages: [{ weight: 5, soak: "1h" }, { weight: 100, soak: "1m" }] }'
        rolling = "".join(f'r{n}: {{ listen: ["127.0.0.1:{free_port()}"], {pools}, {plan} }},\n' for n in range(50))
        idle = "".join(f"i{n}: {{ {pools} }},\n" for n in range(1000))
        text = open(world.path("canary.json5")).read()
        open(world.path("canary.json5"), "w").write(text.replace("services: {", "services: {\n" + rolling + idle, 1))
        for n in range(50):
            world.run("apply", f"r{n}")
        driver = world.start(world.command("controller"))
        soaking = lambda: sum(one["phase"] == "soaking" for one in json.loads(world.run("status", "--json").stdout))
        spent = lambda: sum(int(x) for x in open(f"/proc/{driver.pid}/stat").read().rsplit(")", 1)[1].split()[11:13]) / os.sysconf("SC_CLK_TCK")

        def kilobytes(file, *names):
            return sum(int(line.split()[1]) for line in open(f"/proc/{driver.pid}/{file}") if line.startswith(names))

        def measure(rollouts, settle, seconds):
            while soaking() < rollouts:
                time.sleep(1)
            time.sleep(settle)
            before, begin = spent(), time.perf_counter()
            time.sleep(seconds)
            share = (spent() - before) / (time.perf_counter() - begin)
            resident, private = kilobytes("status", "VmRSS") / 1024, kilobytes("smaps_rollup", "Private") / 1024
            print(f"1,000 services at rest, rollouts in their soak: {rollouts}, one controller:")
            print(f"  {100 * share:.2f} % of a core   aim < 1 %")
            print(f"  resident memory {resident:.1f} MB, {private:.1f} MB of it private   aim < 40 MB")

        world.run("promote", "r0", "--detach")
        measure(1, 10, 30)
        for n in range(1, 50):
            world.run("promote", f"r{n}", "--detach")
        print("in the first minute of their soak, of which most measurements are kept:")
        measure(50, 10, 60)
        print("five minutes later:")
        measure(50, 240, 60)
        for n in range(50):
            world.run("revert", f"r{n}", check=False)
    finally:
        world.close()
