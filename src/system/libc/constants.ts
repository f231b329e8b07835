/**
 * The numbers behind the names of the man pages. They are those of Linux on every architecture that there is a
 * current Node for (x64, arm64, arm, ppc64, s390x, riscv64); fs.constants and os.constants have only a few of them.
 */

export const SOCKET_TYPE = { stream: 1, datagram: 2, seqpacket: 5 } as const
/** SOCK_CLOEXEC | SOCK_NONBLOCK of socket(2). */
export const SOCKET_FLAGS = 0o2004000

/** Level and number of the options of socket(7) and ipv6(7) that are used here. */
export const OPTION = {
  SO_REUSEADDR: [1, 2],
  SO_TYPE: [1, 3],
  SO_ERROR: [1, 4],
  SO_RCVBUF: [1, 8],
  SO_ACCEPTCONN: [1, 30],
  SO_DOMAIN: [1, 39],
  IPV6_V6ONLY: [41, 26],
  TCP_DEFER_ACCEPT: [6, 9],
} as const

export const F = { GETFD: 1, SETFD: 2, GETFL: 3, SETFL: 4, SETOWN: 8, SETSIG: 10, SETLEASE: 1024 } as const
export const FD_CLOEXEC = 1
export const O_NONBLOCK = 0o4000
export const O_ASYNC = 0o20000
export const LEASE = { read: 0, none: 2 } as const
export const MSG_DONTWAIT = 0x40
export const POLLRDHUP = 0x2000
export const POLLHUP = 0x10
export const WNOHANG = 1
export const LOCK_EX_NB = 6
export const PR_SET_NAME = 15
export const PR_SET_SECCOMP = 22
export const SECCOMP_MODE_FILTER = 2
/** struct sock_filter of linux/filter.h. */
export const SOCK_FILTER_BYTES = 8
export const PR_SET_CHILD_SUBREAPER = 36
export const SYS_PIDFD_OPEN = 434
export const SYS_PIDFD_GETFD = 438
