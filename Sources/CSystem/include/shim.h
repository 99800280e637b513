// The few calls of the C library that Swift cannot call: variadic and GNU-only ones.
// Without _GNU_SOURCE: it would give this module another fd_set than Swift's Glibc has.
#ifndef CSYSTEM_SHIM_H
#define CSYSTEM_SHIM_H

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
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
