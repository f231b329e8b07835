/**
 * The one file that reaches libc, through koffi; its neighbours are thin synchronous wrappers, each named after its man
 * page. A failing call throws an Error as Node's own are, with `code` (`ENOSPC`), `errno` and `syscall`. Interrupted
 * calls are repeated. koffi is loaded with the first call, so that the import costs nothing; a machine without it gets
 * a sentence (koffi.ts) instead of a stack.
 */

import { constants } from 'node:os'
import { loadKoffi } from '../koffi.ts'
import { systemError } from '../system-error.ts'

interface Native {
  readonly errno: () => number
  readonly getpid: () => number
  readonly socket: (domain: number, type: number, protocol: number) => number
  readonly bind: (fd: number, address: Uint8Array, length: number) => number
  readonly connect: (fd: number, address: Uint8Array, length: number) => number
  readonly listen: (fd: number, backlog: number) => number
  readonly getsockname: (fd: number, address: Uint8Array, length: Uint32Array) => number
  readonly getsockopt: (fd: number, level: number, name: number, value: Int32Array, length: Uint32Array) => number
  readonly setsockopt: (fd: number, level: number, name: number, value: Int32Array, length: number) => number
  readonly recv: (fd: number, buffer: Uint8Array, length: number, flags: number) => number
  readonly poll: (fds: Uint8Array, count: number, timeoutMs: number) => number
  readonly close: (fd: number) => number
  readonly dup2: (from: number, to: number) => number
  readonly flock: (fd: number, operation: number) => number
  readonly waitpid: (pid: number, status: Int32Array, options: number) => number
  /** Variadic: a type before each further argument. */
  readonly fcntl: (fd: number, command: number, ...rest: readonly (string | number)[]) => number
  readonly prctl: (option: number, ...rest: readonly unknown[]) => number
  readonly syscall: (number: number, ...rest: readonly unknown[]) => number
  readonly execve: (path: string, argv: readonly (string | null)[], env: readonly (string | null)[]) => number
  readonly seccomp: (option: number, mode: number, program: { len: number; filter: Uint8Array }) => number
}

let loaded: Native | null = null

export function native(): Native {
  if (loaded) return loaded
  const koffi = loadKoffi()
  const c = koffi.load(null)
  loaded = {
    errno: () => koffi.errno(),
    getpid: c.func('int getpid()'),
    socket: c.func('int socket(int domain, int type, int protocol)'),
    bind: c.func('int bind(int fd, const void *address, uint32_t length)'),
    connect: c.func('int connect(int fd, const void *address, uint32_t length)'),
    listen: c.func('int listen(int fd, int backlog)'),
    getsockname: c.func('int getsockname(int fd, void *address, void *length)'),
    getsockopt: c.func('int getsockopt(int fd, int level, int name, void *value, void *length)'),
    setsockopt: c.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)'),
    recv: c.func('long recv(int fd, void *buffer, size_t length, int flags)'),
    poll: c.func('int poll(void *fds, unsigned long count, int timeout)'),
    close: c.func('int close(int fd)'),
    dup2: c.func('int dup2(int from, int to)'),
    flock: c.func('int flock(int fd, int operation)'),
    waitpid: c.func('int waitpid(int pid, void *status, int options)'),
    fcntl: c.func('int fcntl(int fd, int command, ...)'),
    prctl: c.func('int prctl(int option, ...)'),
    syscall: c.func('long syscall(long number, ...)'),
    execve: c.func('int execve(const char *path, const char **argv, const char **env)'),
    seccomp: seccompOf(koffi, c),
  }
  return loaded
}

/** Repeats an interrupted call (signal(7)); throws what errno(3) says, read before anything else can change it. */
export function call(name: string, run: (c: Native) => number): number {
  const c = native()
  for (;;) {
    const result = run(c)
    if (result !== -1) return result
    const errno = c.errno()
    if (errno !== constants.errno.EINTR) throw systemError(errno, name)
  }
}

/** syscall(2), for calls that libc has no function for. `name` is for the error. */
export function syscall(name: string, number: number, ...args: readonly (number | Uint8Array | null)[]): number {
  return call(name, (c) => c.syscall(number, ...typed(args)))
}

/** For variadic functions: a type before each argument. */
export function typed(args: readonly (number | Uint8Array | null)[]): unknown[] {
  return args.flatMap((value) => [typeof value === 'number' ? 'long' : 'void *', value])
}

/** prctl(2) again, with a pointer inside of what it points to: struct sock_fprog of seccomp(2). */
function seccompOf(koffi: typeof import('koffi'), c: ReturnType<typeof koffi.load>): Native['seccomp'] {
  const pointer = koffi.pointer(koffi.struct({ len: 'unsigned short', filter: 'const void *' }))
  return (option, mode, program) => c.func('int prctl(int option, ...)')(option, 'long', mode, pointer, program)
}
