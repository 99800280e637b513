"""The benchmarks: each prints its figures as medians, and as a ratio to a peer measured in the same run."""
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from bench_controller import checks, controller
from bench_cpu import cpu
from bench_many import many
from bench_rest import rest
from timing import canary, clock, pool_of, show
from world import World


def revert():
    for services, rounds, aim in ((1, 9, "≤ 1×"), (1000, 5, "≤ 0.05×")):
        world = World(canary, services)
        try:
            brake, whole, peer = [], [], []
            # The first seat that meets the canary: once it is gone, nobody does.
            seat = world.path("run/seats/chat/blue.green/now/0")
            for _ in range(rounds):
                peer.append(clock(["sh", "-c", "nginx -t -q -c $0 && nginx -s reload -c $0", world.path("nginx.conf")]))
                time.sleep(0.5 if services == 1 else 3)
                world.soak()
                seen = []

                def watch():
                    while os.path.exists(seat):
                        time.sleep(0.0001)
                    seen.append(time.perf_counter())
                    seen.append(pool_of(world.port))

                watcher = threading.Thread(target=watch)
                begin = time.perf_counter()
                process = subprocess.Popen(world.command("revert", "chat"), stdout=subprocess.DEVNULL)
                watcher.start()
                watcher.join()
                assert process.wait() == 0
                whole.append(time.perf_counter() - begin)
                brake.append(seen[0] - begin)
                assert seen[1] == "blue", seen
            print(f"revert with {services} generated service{'s' if services > 1 else ''}, against `nginx -t && nginx -s reload`, which verifies nothing:")
            show("from the start of the process to the brake's effect", brake, peer, aim)
            show("until verified, recorded and the brake lifted", whole, peer, "-")
        finally:
            world.close()


AWK = r"""BEGIN { FS="\t"; p["127.0.0.1:9101"]="blue"; p["127.0.0.1:9103"]="blue"; p["127.0.0.1:9102"]="green" }
$1=="canary5" { sec=int($2); n=split($6,a,", "); split($7,s,", "); split($9,t,", "); split($13,b,", "); split($14,e,":")
  for(i=1;i<=n;i++){ k=p[a[i]]; if(s[i]=="-"&&$4<500){ab[sec,k]++;continue} r[sec,k]++
    cut=i==n&&e[1]=="OK"&&s[i]>=200&&s[i]<300&&e[2]!=""&&b[i]+0<e[2]+0
    if(s[i]>=500||s[i]=="-"||cut)f[sec,k]++
    if(cut)c[sec,k]++; else if(s[i]>=400&&s[i]<500)j[sec,k]++; else if(s[i]>=300&&s[i]<400&&s[i]!=304)d[sec,k]++
    if(t[i]!="-"){ms=t[i]*1000; w=ms<128?ms:int(64*log(ms)/log(2)); h[sec,k,w]++} } }
END { for(x in r){split(x,q,SUBSEP); R[q[2]]+=r[x]; F[q[2]]+=f[x]; A[q[2]]+=ab[x]; J[q[2]]+=j[x]; D[q[2]]+=d[x]; C[q[2]]+=c[x]}
  for(k in R) print k " requests " R[k] " failures " F[k]+0 " aborted " A[k]+0 " rejected " J[k]+0 " redirected " D[k]+0 " cut_off " C[k]+0 }"""


def line(now, status, tried, addresses, spent, times, lengths, promised):
    """A line of a rollout, as the generated format has it."""
    return (f"canary5\t{now:.3f}\t42\t{status}\t{spent}\t{addresses}\t{tried}\t-\t{times}"
            f"\t{int(now * 7) % 100}\t-\t{int(now * 1000) % 100000 + 1}\t{lengths}\tOK:{promised}\n")


def log():
    with tempfile.TemporaryDirectory(prefix="canary-bench-") as folder:
        random.seed(1)
        now = 1795000000.0
        with open(f"{folder}/log", "w") as file:
            for _ in range(3_000_000):
                now += 0.0005
                address = "127.0.0.1:9102" if random.random() < 0.05 else random.choice(["127.0.0.1:9101", "127.0.0.1:9103"])
                spent = f"{random.expovariate(20):.3f}"
                if random.random() < 0.005:
                    file.write(line(now, 200, "502, 200", f"127.0.0.1:9102, {address}", spent, f"0.001, {spent}", "0, 880", 880))
                else:
                    status = random.choices((200, 404, 302), (95, 3, 2))[0]
                    length = random.choice((880, 12345, 880, 100)) if random.random() < 0.999 else 50
                    file.write(line(now, status, status, address, spent, spent, length, max(length, 100)))
        open(f"{folder}/canary.json5", "w").write(
            '{ services: { chat: { pools: { blue: { servers: ["127.0.0.1:9101", "127.0.0.1:9103"] }, green: { servers: ["127.0.0.1:9102"] } }, stable: "blue" } } }')
        ours = [canary, "__tally", "chat", "--log", f"{folder}/log", "--config", f"{folder}/canary.json5"]
        awk = ["awk", AWK, f"{folder}/log"]
        told = subprocess.run(ours, capture_output=True, text=True, check=True).stdout
        for line in subprocess.run(awk, capture_output=True, text=True, check=True).stdout.splitlines():
            assert line in told, (line, told)
        a, b, c = [], [], []
        for _ in range(5):
            a.append(clock(ours))
            b.append(clock(awk))
            c.append(clock(["wc", "-l", f"{folder}/log"]))
        size = os.path.getsize(f"{folder}/log")
        print(f"reading a log of {size / 1e6:.0f} MB with 3,000,000 lines ({size / statistics.median(a) / 1e6:.0f} MB/s):")
        print(f"  awk doing the same sums takes {statistics.median(b) / statistics.median(a):.1f}× as long   aim ≥ 8×, at least 4×")
        print(f"  we take {statistics.median(a) / statistics.median(c):.1f}× as long as wc -l")


def judge():
    """What comparing costs on top of reading: a log of a million requests at 5 %, at 50 %, and with failures."""
    with tempfile.TemporaryDirectory(prefix="canary-bench-") as folder:
        open(f"{folder}/canary.json5", "w").write(
            '{ services: { chat: { pools: { blue: { servers: ["127.0.0.1:9101"] }, green: { servers: ["127.0.0.1:9102"] } }, stable: "blue" } } }')
        for share in (0.05, 0.5):
            random.seed(1)
            now = 1795000000.0
            with open(f"{folder}/log", "w") as file:
                for _ in range(2_000_000):
                    # A million a second, as the lines of one busy log.
                    now += 0.000001
                    port = 9102 if random.random() < share else 9101
                    spent = f"{random.expovariate(20):.3f}"
                    status = 500 if random.random() < 0.005 else 200
                    file.write(line(now, status, status, f"127.0.0.1:{port}", spent, spent, 880, 880))
            words = [canary, "__tally", "chat", "--log", f"{folder}/log", "--config", f"{folder}/canary.json5"]
            plain, judged = [], []
            for _ in range(9):
                plain.append(clock(words))
                judged.append(clock(words + ["--judged"]))
            a, b = statistics.median(plain), statistics.median(judged)
            print(f"judging 2,000,000 requests, {share:.0%} of them the canary's, by the default plan's comparisons:")
            print(f"  {(b - a) * 1000:.0f} ms on top of {a * 1000:.0f} ms for reading = {(b - a) / a:.2f}×   aim < 1×   ({(b - a) / 2e6 * 1e9:.0f} ns a request)")


def windows():
    """A week of requests in nginx's combined format, a gibibyte, against reading the file."""
    folder = tempfile.mkdtemp(prefix="canary-bench-")
    path = os.path.join(folder, "access.log")
    try:
        line = '10.0.0.%d - - [@] "GET /api/%d HTTP/1.1" 200 512 "-" "Mozilla/5.0"\n'
        minute = "".join(line % (n % 250, n) for n in range(1250)).encode()
        begin, size = time.time() - 8 * 86400, 0
        with open(path, "wb") as file:
            for n in range(8 * 1440):
                if size > 1 << 30:
                    break
                stamp = time.strftime("%d/%b/%Y:%H:%M:00 +0000", time.gmtime(begin + 60 * n))
                size += file.write(minute.replace(b"@", stamp.encode()))
        timed = lambda words: min(clock(words) for _ in range(3))
        ours, floor = timed([canary, "windows", "--log", path, "--zone", "UTC"]), timed(["wc", "-l", path])
        print(f"{size / (1 << 20):.0f} MiB of requests for canary windows, against wc -l:")
        print(f"  {ours:.2f} s / {floor:.2f} s = {ours / floor:.1f}x   aim: seconds, not minutes")
    finally:
        shutil.rmtree(folder)


def start():
    world = World(canary)
    try:
        version, status, nginx = [], [], []
        for _ in range(30):
            version.append(clock([canary, "version"]))
            status.append(clock(world.command("status", "chat")))
            nginx.append(clock(["nginx", "-v"]))
        print("start-up, whole processes, against `nginx -v`:")
        show("canary version", version, nginx, "-")
        show("canary status (config, store, Nginx asked)", status, nginx, "-")
    finally:
        world.close()


def memory():
    world = World(canary)
    try:
        world.soak()
        wrk = subprocess.Popen(["wrk", "-t1", "-c8", "-d40s", f"http://127.0.0.1:{world.port}/"], stdout=subprocess.DEVNULL)
        driver = world.status()["driver"]["pid"]
        most = 0
        while wrk.poll() is None:
            lines = open(f"/proc/{driver}/status").read().splitlines()
            most = max(most, *(int(line.split()[1]) for line in lines if line.startswith("VmRSS")))
            time.sleep(0.5)
        print(f"resident memory of the driver while a stage soaks under full load for 40 s: {most / 1024:.1f} MB   aim ≤ 30 MB")
    finally:
        world.close()


chosen = sys.argv[2:] or ["revert", "log", "judge", "checks", "controller", "windows", "cpu", "rest", "start", "memory", "many"]
known = {"revert": revert, "log": log, "judge": judge, "checks": checks, "controller": controller, "windows": windows, "cpu": cpu, "rest": rest, "start": start, "memory": memory, "many": many}
for name in chosen:
    if name not in known:
        sys.exit(f"bench: there is no '{name}'; known: {', '.join(known)}")
for name in chosen:
    known[name]()
