// The few calls of the C library that Swift cannot call: variadic and GNU-only ones.
// Without _GNU_SOURCE: it would give this module another fd_set than Swift's Glibc has.
#ifndef CSYSTEM_SHIM_H
#define CSYSTEM_SHIM_H

#include <fcntl.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/// A handle of a process that can be polled for its end; -1 and errno on failure (pidfd_open(2)).
static inline int canary_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

/// An anonymous file in memory, closed on exec; -1 and errno on failure (memfd_create(2)).
/// Holds a program's output even when the disk is full.
static inline int canary_memfd(const char *name) { return (int)syscall(SYS_memfd_create, name, 3u); }

/// Lets such a file grow no more, whoever still has it open (fcntl(2), F_ADD_SEALS, F_SEAL_GROW).
static inline void canary_close_growth(int file) { fcntl(file, 1033, 4); }

/// Frees the memory behind a part of such a file, which then reads as zeros (fallocate(2)).
static inline void canary_punch(int file, off_t start, off_t length) {
  if (length > 0) syscall(SYS_fallocate, file, 3, start, length);
}

/// A pipe that no child process inherits; 0, or -1 and errno on failure.
static inline int canary_pipe(int ends[2]) { return (int)syscall(SYS_pipe2, ends, O_CLOEXEC); }

/// Opens a file, closed on exec; `mode` is for one that the flags create. -1 and errno on failure.
static inline int canary_open(const char *path, int flags, unsigned mode) {
  return open(path, flags | O_CLOEXEC, mode);
}

/// Exchanges two names in one step; 0, or -1 and errno on failure (renameat2(2), RENAME_EXCHANGE).
static inline int canary_exchange(const char *one, const char *other) {
  return (int)syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, 2u);
}

/// Waits for the disk to have all that was written to the file system of a file; 0, or -1 and errno
/// on failure (syncfs(2)).
static inline int canary_syncfs(int file) { return (int)syscall(SYS_syncfs, file); }

/// Lets this process open as many files as it may.
static inline void canary_raise_file_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

/// Takes a connection, closed on exec; its descriptor, or -1 and errno on failure (accept4(2)).
static inline int canary_accept(int listener, int flags) {
  return (int)syscall(SYS_accept4, listener, (void *)0, (void *)0, flags);
}

/// Who is at the other end of a Unix socket, by the kernel; 0, or -1 and errno (unix(7), SO_PEERCRED).
static inline int canary_peer(int file, pid_t *pid, uid_t *user, gid_t *group) {
  struct { pid_t pid; uid_t user; gid_t group; } peer = { 0, (uid_t)-1, (gid_t)-1 };
  socklen_t size = sizeof peer;
  if (getsockopt(file, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
  *pid = peer.pid;
  *user = peer.user;
  *group = peer.group;
  return 0;
}

/// Whether this thread hands the capability to the programs that it starts (capabilities(7)).
static inline int canary_hands_on(unsigned long capability) {
  return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0) == 1;
}
/// Lets this thread hand no capability to the programs that it starts.
static inline void canary_hand_on_none(void) {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}
/// Lets this thread hand the capability on again.
static inline void canary_hand_on(unsigned long capability) {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
}

/// Limits malloc to two arenas; does nothing on a C library other than glibc.
static inline void canary_few_heaps(void) {
#ifdef M_ARENA_MAX
  mallopt(M_ARENA_MAX, 2);
#endif
}
/// Returns free memory to the system; does nothing on a C library other than glibc.
static inline void canary_trim_heap(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

#endif
