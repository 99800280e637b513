"""Which calls a command makes, and how to let one of them fail, or kill the process at it: with strace."""
import collections
import os
import re

# What each call may answer on a host in trouble. Calls that are not here cannot fail in a way that a program could mend.
ERRNOS = {
    "openat": "ENOENT EACCES EMFILE ENOSPC EIO ELOOP EROFS", "open": "EACCES EMFILE ENOSPC EIO",
    "read": "EIO EINTR", "pread64": "EIO", "write": "ENOSPC EIO EINTR", "pwrite64": "ENOSPC EIO", "writev": "ENOSPC EIO",
    "fsync": "EIO ENOSPC", "fdatasync": "EIO ENOSPC", "ftruncate": "ENOSPC EIO", "fallocate": "ENOSPC",
    "rename": "ENOSPC EACCES EIO", "renameat": "ENOSPC EACCES EIO", "renameat2": "ENOSPC EACCES EIO EINVAL ENOENT",
    "unlink": "EACCES EROFS EIO ENOENT", "unlinkat": "EACCES EROFS EIO", "link": "EPERM ENOSPC EMLINK", "linkat": "EPERM ENOSPC EMLINK",
    "symlink": "ENOSPC EACCES", "symlinkat": "ENOSPC EACCES",
    "mkdir": "ENOSPC EACCES EROFS", "mkdirat": "ENOSPC EACCES", "rmdir": "EACCES EBUSY",
    "stat": "EIO EACCES", "lstat": "EIO EACCES", "fstat": "EIO", "newfstatat": "EIO EACCES ENOENT", "statx": "EIO EACCES", "access": "EACCES EIO",
    "faccessat": "EACCES EIO", "faccessat2": "EACCES EIO", "readlink": "EACCES EIO", "readlinkat": "EACCES EIO",
    "getdents64": "EIO", "flock": "ENOLCK EINTR EWOULDBLOCK", "fcntl": "EAGAIN ENOLCK EINTR", "chmod": "EPERM EROFS", "fchmod": "EPERM", "fchown": "EPERM",
    "fchmodat": "EPERM", "utimensat": "EACCES", "lseek": "EINVAL",
    "socket": "EMFILE ENOBUFS EAFNOSUPPORT", "connect": "ECONNREFUSED EAGAIN ETIMEDOUT EACCES", "sendto": "ECONNRESET EPIPE", "sendmsg": "ECONNRESET",
    "recvfrom": "ECONNRESET EINTR", "recvmsg": "ECONNRESET", "poll": "EINTR ENOMEM", "ppoll": "EINTR ENOMEM", "epoll_wait": "EINTR", "epoll_pwait": "EINTR",
    "epoll_create1": "EMFILE", "epoll_ctl": "ENOMEM ENOSPC", "eventfd2": "EMFILE", "pipe2": "EMFILE", "socketpair": "EMFILE", "timerfd_create": "EMFILE",
    "memfd_create": "EMFILE ENOMEM", "inotify_init1": "EMFILE", "dup2": "EMFILE", "dup": "EMFILE",
    "clone": "EAGAIN ENOMEM", "clone3": "EAGAIN ENOMEM", "vfork": "EAGAIN ENOMEM", "wait4": "EINTR", "waitid": "EINTR ECHILD",
    "kill": "EPERM ESRCH", "pidfd_open": "ENOSYS EMFILE", "mmap": "ENOMEM", "getsockopt": "ENOBUFS", "setsockopt": "ENOPROTOOPT", "bind": "EACCES EADDRINUSE",
    "clock_nanosleep": "EINTR", "nanosleep": "EINTR",
}
# Where no memory, no thread or nothing to wait with is to be had, the language's runtime ends the program, which must be
# no worse than a kill; everything else it has to outlive.
MORTAL = {"mmap", "clone", "clone3", "vfork", "eventfd2", "epoll_create1", "epoll_ctl", "timerfd_create"}
LINE = re.compile(r"^(?:(\d+) +)?([a-z0-9_]+)\((.*)")


def watching(log):
    """The words before a command whose calls are to be counted."""
    return ["strace", "-f", "-b", "execve", "-qq", "-s", "256", "-o", log]


def counted(path, folder):
    """How often each call was made by one thread: {name: (before the config was read, most of all)}."""
    early, counts, found = {}, collections.defaultdict(collections.Counter), False
    with open(path, errors="replace") as file:
        for line in file:
            match = LINE.match(line)
            if not match:
                continue
            thread, name, rest = match.groups()
            if not found and folder in rest and name != "execve":
                # What the linker and the language's own start do is not what we look at.
                found = True
                early = {name: count for name, count in counts[thread].items()}
            counts[thread][name] += 1
    os.unlink(path)
    most = collections.Counter()
    for each in counts.values():
        for name, count in each.items():
            most[name] = max(most[name], count)
    return {name: (early.get(name, 0), count) for name, count in most.items()}


def failing(call, errno, number, log):
    """The words before a command whose `number`-th such call fails, once for each thread that comes so far."""
    return _words(f"{call}:error={errno}:when={number}", call, log)


def killing(call, number, log):
    return _words(f"{call}:signal=SIGKILL:when={number}", call, log)


def _words(inject, call, log):
    return ["strace", "-f", "-b", "execve", "-qq", "-e", f"trace={call}", "-e", f"inject={inject}", "-o", log]


def attach(pid, inject, call, log, follow=True):
    """The words of a strace that goes to a process that runs already, with its threads or (Nginx) without its children."""
    return ["strace", *(["-f", "-b", "execve"] if follow else []), "-qq", "-e", f"trace={call}", "-e", f"inject={inject}", "-o", log, "-p", str(pid)]


def was_injected(log):
    try:
        with open(log, errors="replace") as file:
            text = file.read()
        os.unlink(log)
    except OSError:
        return False
    return "INJECTED" in text or "SIGKILL" in text
