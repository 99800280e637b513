"""Free ports of loopback; run as a program, prints as many as asked for."""
import os
import socket
import sys

# Below the range from which the kernel takes the near end of every outgoing connection: under load such a port is soon taken.
FIRST, COUNT = 10_240, 22_528
last = os.getpid() * 251 % COUNT


def free_port():
    """A port that nobody has now, and that no one else in this process is told."""
    global last
    for _ in range(COUNT):
        last = (last + 1) % COUNT
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", FIRST + last))
                return FIRST + last
            except OSError:
                continue
    raise SystemExit(f"no port between {FIRST} and {FIRST + COUNT} is free")


if __name__ == "__main__":
    print(*(free_port() for _ in range(int(sys.argv[1]))))
