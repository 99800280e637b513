// The few calls of the C library that Swift cannot see or cannot call: variadic ones and GNU-only ones.
// _GNU_SOURCE must not be defined here: it gives this module another fd_set than Swift's Glibc has.
#ifndef CSYSTEM_SHIM_H
#define CSYSTEM_SHIM_H

#include <fcntl.h>
#include <malloc.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Opens a pollable handle of a process, so that its end can be awaited with a deadline; -1 and errno on failure.
static inline int canary_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

/// An anonymous file in memory: room for a program's output that no full disk can refuse.
static inline int canary_memfd(const char *name) { return (int)syscall(SYS_memfd_create, name, 1u); }

/// A pipe that no child inherits; -1 and errno on failure.
static inline int canary_pipe(int ends[2]) { return (int)syscall(SYS_pipe2, ends, O_CLOEXEC); }

/// Opens a file; the mode is used when the flags create it.
static inline int canary_open(const char *path, int flags, unsigned mode) {
  return open(path, flags | O_CLOEXEC, mode);
}

/// glibc's own calls; on another C library they are nothing.
static inline void canary_few_heaps(void) {
#ifdef M_ARENA_MAX
  mallopt(M_ARENA_MAX, 2);
#endif
}
static inline void canary_trim_heap(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

#endif
