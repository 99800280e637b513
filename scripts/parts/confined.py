"""Runs a program as the unit of canary would have systemd run it, where no systemd is: confined.py UNIT WRITABLE[,…] WORDS…

As root, in a mount namespace of its own: a user without a name, the unit's capabilities, everything read-only but the
writable paths, its filter of system calls, no new privileges, no writable memory that can be executed.
"""
import ctypes
import ctypes.util
import os
import re
import subprocess
import sys

NOBODY = 61234
UNSPECIFIED, ERRNO_EPERM, ALLOW = -1, 0x00050001, 0x7FFF0000


def values(unit, key):
    """What the unit says to a key; an empty one takes back what was said before."""
    said = []
    with open(unit) as file:
        for line in file:
            name, _, value = line.strip().partition("=")
            if name == key:
                said = said + [value] if value else []
    return said


def calls_of(word, seen=()):
    """The calls of a word of SystemCallFilter, sets of sets unfolded."""
    if not word.startswith("@"):
        return {word}
    told = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", word], capture_output=True, text=True, check=True).stdout
    inner = {line.strip() for line in told.splitlines()[1:] if line.strip() and not line.strip().startswith("#")}
    return set().union(*(calls_of(each, (*seen, word)) for each in inner if each not in seen))


def allowed(unit):
    """The calls that are left: systemd takes those of @default for given."""
    calls = calls_of("@default")
    for value in values(unit, "SystemCallFilter"):
        named = set().union(*(calls_of(word) for word in value.lstrip("~").split()))
        calls = calls - named if value.startswith("~") else calls | named
    return calls


class Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("first", ctypes.c_uint64), ("second", ctypes.c_uint64)]


def filter_calls(unit):
    """Loads the filter into this process: what is not allowed answers EPERM."""
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ERRNO_EPERM))
    for name in sorted(allowed(unit)):
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number == UNSPECIFIED:
            continue
        if name == "socket" and values(unit, "RestrictAddressFamilies"):
            # AF_UNIX, AF_INET, AF_INET6
            for family in (1, 2, 10):
                library.seccomp_rule_add_array(context, ALLOW, number, 1, ctypes.byref(Comparison(0, 4, family, 0)))
        elif name in ("mmap", "mprotect", "pkey_mprotect") and values(unit, "MemoryDenyWriteExecute"):
            # PROT_EXEC is 4, PROT_WRITE is 2: mmap may not have both, mprotect may not add the right to execute.
            for bits in (0, 2) if name != "mmap" else (0, 2, 4):
                mask = 4 if name != "mmap" else 6
                if bits & ~mask:
                    continue
                library.seccomp_rule_add_array(context, ALLOW, number, 1, ctypes.byref(Comparison(2, 7, mask, bits)))
        else:
            library.seccomp_rule_add_array(context, ALLOW, number, 0, None)
    if library.seccomp_load(context):
        raise SystemExit("the filter cannot be loaded")


def mount(*words):
    subprocess.run(["mount", *words], check=True)


def main():
    if sys.argv[1] == "--inside":
        unit, words = sys.argv[2], sys.argv[3:]
        os.umask(int(values(unit, "UMask")[-1], 8))
        filter_calls(unit)
        os.execvp(words[0], words)
    unit, writable, words = os.path.abspath(sys.argv[1]), sys.argv[2].split(","), sys.argv[3:]
    mount("--make-rprivate", "/")
    for path in writable:
        mount("--bind", path, path)
    with open("/proc/self/mountinfo") as file:
        places = [re.sub(r"\\040", " ", line.split()[4]) for line in file]
    for place in places:
        if place not in writable and not place.startswith(("/proc", "/sys", "/dev")):
            subprocess.run(["mount", "-o", "remount,bind,ro", place], check=place == "/")
    capabilities = values(unit, "AmbientCapabilities")[-1].lower().split()
    given = ",".join(f"+{name[4:]}" for name in capabilities)
    os.execvp("setpriv", [
        "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", f"--inh-caps=-all,{given}", f"--ambient-caps=-all,{given}",
        f"--bounding-set=-all,{given}", "--no-new-privs", sys.executable, os.path.abspath(__file__), "--inside", unit, *words])


if __name__ == "__main__":
    main()
