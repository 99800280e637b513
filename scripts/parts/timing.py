"""What the benchmarks share: the program, the time of a whole process, and how a ratio is printed."""
import http.client
import statistics
import subprocess
import sys
import time

canary = sys.argv[1]


def clock(words, **options):
    begin = time.perf_counter()
    subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, **options)
    return time.perf_counter() - begin


def show(name, ours, peer, aim, unit=1000):
    a, b = statistics.median(ours), statistics.median(peer)
    print(f"  {name:<58}{a * unit:>9.1f} ms /{b * unit:>9.1f} ms = {a / b:>6.2f}×   aim {aim}")


def pool_of(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    return answer.getheader("X-Pool")
