/**
 * The one file that reaches libc, through koffi: what Node lacks and a supervisor needs. Every function is a thin
 * synchronous wrapper named after its man page; a failing call throws an Error as Node's own are, with `code`
 * (`ENOSPC`), `errno` and `syscall`. Interrupted calls are repeated. koffi is loaded with the first call, so that
 * the import costs nothing and a machine without it gets a sentence from `selfTest` instead of a stack.
 */

import { constants, endianness } from 'node:os'
import { AutoupError, messageOf } from '../core/errors.ts'
import { loadKoffi } from './koffi.ts'
import {
  F,
  FD_CLOEXEC,
  LEASE,
  LOCK_EX_NB,
  MSG_DONTWAIT,
  O_ASYNC,
  O_NONBLOCK,
  OPTION,
  POLLHUP,
  POLLRDHUP,
  PR_SET_CHILD_SUBREAPER,
  PR_SET_NAME,
  PR_SET_SECCOMP,
  SECCOMP_MODE_FILTER,
  SOCK_FILTER_BYTES,
  SOCKET_FLAGS,
  SOCKET_TYPE,
  SYS_PIDFD_GETFD,
  SYS_PIDFD_OPEN,
  WNOHANG,
} from './libc-constants.ts'
import { decodeAddress, encodeAddress, FAMILY, type SocketAddress, STORAGE_SIZE } from './sockaddr.ts'
import { systemError } from './system-error.ts'

export type { SocketAddress } from './sockaddr.ts'

export type SocketOption = keyof typeof OPTION

type Family = SocketAddress['family']
type SocketType = keyof typeof SOCKET_TYPE

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

function native(): Native {
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

/** prctl(2) again, with a pointer inside of what it points to: struct sock_fprog of seccomp(2). */
function seccompOf(koffi: typeof import('koffi'), c: ReturnType<typeof koffi.load>): Native['seccomp'] {
  const pointer = koffi.pointer(koffi.struct({ len: 'unsigned short', filter: 'const void *' }))
  return (option, mode, program) => c.func('int prctl(int option, ...)')(option, 'long', mode, pointer, program)
}

/** Throws AutoupError `failed` with one plain sentence where this file cannot work. */
export function selfTest(): void {
  if (process.platform !== 'linux') {
    throw new AutoupError('failed', `autoup runs services on Linux only, this is ${process.platform}`)
  }
  try {
    native()
  } catch (cause) {
    if (cause instanceof AutoupError) throw cause
    const advice = 'install autoup again on this machine, so that npm takes the build of koffi for it'
    throw new AutoupError('failed', `cannot load koffi, which autoup reaches libc with; ${advice}`, { cause })
  }
  let problem = ''
  try {
    const pid = native().getpid()
    if (pid !== process.pid) problem = `getpid says ${pid} instead of ${process.pid}`
    const fd = socket('unix', 'datagram')
    try {
      if (getsockopt(fd, 'SO_TYPE') !== SOCKET_TYPE.datagram) problem = 'getsockopt does not know its own socket'
      setNonBlocking(fd, false)
      if (isNonBlocking(fd)) problem = 'fcntl does not change its flags'
    } finally {
      close(fd)
    }
  } catch (cause) {
    problem = messageOf(cause)
  }
  if (problem) throw new AutoupError('failed', `calls to libc go wrong on this machine (${problem}); please report it`)
}

/** socket(2), with SOCK_CLOEXEC and SOCK_NONBLOCK. The caller closes it. */
export function socket(family: Family, type: SocketType = 'stream'): number {
  return call('socket', (c) => c.socket(FAMILY[family], SOCKET_TYPE[type] | SOCKET_FLAGS, 0))
}

/** bind(2). */
export function bind(fd: number, address: SocketAddress): void {
  const bytes = encodeAddress(address)
  call('bind', (c) => c.bind(fd, bytes, bytes.length))
}

/** connect(2). The sockets made here do not block: EAGAIN and EINPROGRESS are thrown like any other failure. */
export function connect(fd: number, address: SocketAddress): void {
  const bytes = encodeAddress(address)
  call('connect', (c) => c.connect(fd, bytes, bytes.length))
}

/** listen(2). On a socket that listens already it only changes the backlog. */
export function listen(fd: number, backlog: number): void {
  call('listen', (c) => c.listen(fd, backlog))
}

/** getsockname(2). Tells the family of the address, so a UDP socket is `tcp4` too: ask SO_TYPE. */
export function getsockname(fd: number): SocketAddress | { readonly family: 'other' } {
  const bytes = Buffer.alloc(STORAGE_SIZE)
  const length = Uint32Array.of(STORAGE_SIZE)
  call('getsockname', (c) => c.getsockname(fd, bytes, length))
  return decodeAddress(bytes, length[0] as number) ?? { family: 'other' }
}

/** getsockopt(2), for options that are an int. */
export function getsockopt(fd: number, option: SocketOption): number {
  const value = Int32Array.of(0)
  const length = Uint32Array.of(4)
  const [level, name] = OPTION[option]
  call('getsockopt', (c) => c.getsockopt(fd, level, name, value, length))
  return value[0] as number
}

/** setsockopt(2), for options that are an int. */
export function setsockopt(fd: number, option: SocketOption, value: number): void {
  const [level, name] = OPTION[option]
  call('setsockopt', (c) => c.setsockopt(fd, level, name, Int32Array.of(value), 4))
}

/** Whether the socket is a stream or seqpacket that listens (socket(7), SO_ACCEPTCONN). */
export function isListening(fd: number): boolean {
  return getsockopt(fd, 'SO_ACCEPTCONN') === 1
}

/** What kind of socket it is (socket(7), SO_TYPE). */
export function socketType(fd: number): SocketType | 'other' {
  const type = getsockopt(fd, 'SO_TYPE')
  return (Object.keys(SOCKET_TYPE) as SocketType[]).find((name) => SOCKET_TYPE[name] === type) ?? 'other'
}

/** recv(2) with MSG_DONTWAIT: the bytes of one message, cut to the buffer, or null when there is none. */
export function recv(fd: number, buffer: Uint8Array): number | null {
  try {
    return call('recv', (c) => c.recv(fd, buffer, buffer.length, MSG_DONTWAIT))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return null
    throw error
  }
}

/** poll(2), asked for this moment: whether the receiving side was shut(down). Tells of AF_UNIX listeners too. */
export function isShut(fd: number): boolean {
  const entry = new DataView(new ArrayBuffer(8))
  const isLittleEndian = endianness() === 'LE'
  entry.setInt32(0, fd, isLittleEndian)
  entry.setInt16(4, POLLRDHUP, isLittleEndian)
  call('poll', (c) => c.poll(new Uint8Array(entry.buffer), 1, 0))
  return (entry.getInt16(6, isLittleEndian) & (POLLRDHUP | POLLHUP)) !== 0
}

/** close(2). Not repeated when interrupted: on Linux the descriptor is gone by then. */
export function close(fd: number): void {
  const c = native()
  if (c.close(fd) === -1) {
    const errno = c.errno()
    if (errno !== constants.errno.EINTR) throw systemError(errno, 'close')
  }
}

/** O_NONBLOCK of fcntl(2), F_GETFL. It belongs to the socket, so everybody who holds it sees the same. */
export function isNonBlocking(fd: number): boolean {
  return (call('fcntl', (c) => c.fcntl(fd, F.GETFL)) & O_NONBLOCK) !== 0
}

/** O_NONBLOCK of fcntl(2), F_SETFL. */
export function setNonBlocking(fd: number, on: boolean): void {
  setStatusFlag(fd, O_NONBLOCK, on)
}

/** O_ASYNC of fcntl(2), F_SETFL: SIGIO when there is something to read. Its default action kills: handler first. */
export function setAsync(fd: number, on: boolean): void {
  setStatusFlag(fd, O_ASYNC, on)
}

/** F_SETOWN of fcntl(2): who gets the SIGIO. */
export function setOwner(fd: number, pid: number): void {
  call('fcntl', (c) => c.fcntl(fd, F.SETOWN, 'int', pid))
}

/** FD_CLOEXEC of fcntl(2), F_GETFD. */
export function isCloseOnExec(fd: number): boolean {
  return (call('fcntl', (c) => c.fcntl(fd, F.GETFD)) & FD_CLOEXEC) !== 0
}

/** FD_CLOEXEC of fcntl(2), F_SETFD: whether an exec closes it. */
export function setCloseOnExec(fd: number, on: boolean): void {
  call('fcntl', (c) => c.fcntl(fd, F.SETFD, 'int', on ? FD_CLOEXEC : 0))
}

/**
 * Whether anybody has the file open for writing: F_SETLEASE F_RDLCK of fcntl(2) is refused then. `fd` is open for
 * reading only. The lease is given back at once; should it be broken in between, the signal is SIGURG, which
 * nobody dies of, instead of SIGIO. Throws EACCES for another user's file without CAP_LEASE, EINVAL where the
 * file system has no leases.
 */
export function isOpenForWriting(fd: number): boolean {
  call('fcntl', (c) => c.fcntl(fd, F.SETSIG, 'int', constants.signals.SIGURG))
  try {
    call('fcntl', (c) => c.fcntl(fd, F.SETLEASE, 'int', LEASE.read))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return true
    throw error
  }
  call('fcntl', (c) => c.fcntl(fd, F.SETLEASE, 'int', LEASE.none))
  return false
}

/** flock(2) with LOCK_EX | LOCK_NB: false when somebody else holds it. Ends with the last copy of the descriptor. */
export function flock(fd: number): boolean {
  try {
    call('flock', (c) => c.flock(fd, LOCK_EX_NB))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false
    throw error
  }
}

/** prctl(2), with numbers or buffers. */
export function prctl(option: number, ...args: readonly (number | Uint8Array)[]): number {
  const [a = 0, b = 0, c = 0, d = 0] = args
  return call('prctl', (n) => n.prctl(option, ...typed([a, b, c, d])))
}

/** PR_SET_CHILD_SUBREAPER(2const): orphans of this process become its children, as if it were pid 1. */
export function setChildSubreaper(on: boolean): void {
  prctl(PR_SET_CHILD_SUBREAPER, on ? 1 : 0)
}

/** PR_SET_NAME(2const): what `ps -o comm` and killall call this thread; cut to 15 bytes. */
export function setProcessName(name: string): void {
  prctl(PR_SET_NAME, Buffer.from(`${name}\0`))
}

export interface Reaped {
  readonly pid: number
  readonly status: number
  /** Exactly one of the two is null. */
  readonly exitCode: number | null
  readonly signal: string | null
}

/**
 * waitpid(2) with WNOHANG: null while the child lives; throws ECHILD when it is no child. Only for adopted
 * children: those that Node started are reaped by libuv, which would miss them.
 */
export function waitpid(pid: number): Reaped | null {
  const cell = Int32Array.of(0)
  const reaped = call('waitpid', (c) => c.waitpid(pid, cell, WNOHANG))
  if (reaped === 0) return null
  const status = cell[0] as number
  const number = status & 0x7f
  if (number === 0) return { pid: reaped, status, exitCode: (status >> 8) & 0xff, signal: null }
  const name = Object.entries(constants.signals).find(([, value]) => value === number)?.[0]
  return { pid: reaped, status, exitCode: null, signal: name ?? `SIG${number}` }
}

/** pidfd_open(2): a descriptor that means this very process, whatever happens to its number. CLOEXEC. */
export function pidfdOpen(pid: number): number {
  return syscall('pidfd_open', SYS_PIDFD_OPEN, pid, 0)
}

/** pidfd_getfd(2): a copy of another process's descriptor. CLOEXEC. EPERM where ptrace(2) would be refused. */
export function pidfdGetfd(pidfd: number, fd: number): number {
  return syscall('pidfd_getfd', SYS_PIDFD_GETFD, pidfd, fd, 0)
}

/** PR_SET_SECCOMP(2const) with SECCOMP_MODE_FILTER: `program` is an array of struct sock_filter. */
export function installFilter(program: Uint8Array): void {
  const filter = { len: program.length / SOCK_FILTER_BYTES, filter: program }
  call('seccomp', (c) => c.seccomp(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter))
}

/** execve(2): this process goes on as another program, with one thread. Only returns by throwing. */
export function execve(path: string, argv: readonly string[], env: Readonly<Record<string, string>>): never {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  call('execve', (c) => c.execve(path, [...argv, null], [...variables, null]))
  throw new Error('execve came back')
}

/** syscall(2), for calls that libc has no function for. `name` is for the error. */
export function syscall(name: string, number: number, ...args: readonly (number | Uint8Array | null)[]): number {
  return call(name, (c) => c.syscall(number, ...typed(args)))
}

function typed(args: readonly (number | Uint8Array | null)[]): unknown[] {
  return args.flatMap((value) => [typeof value === 'number' ? 'long' : 'void *', value])
}

function setStatusFlag(fd: number, flag: number, on: boolean): void {
  const flags = call('fcntl', (c) => c.fcntl(fd, F.GETFL))
  const wanted = on ? flags | flag : flags & ~flag
  if (wanted !== flags) call('fcntl', (c) => c.fcntl(fd, F.SETFL, 'int', wanted))
}

/** Repeats an interrupted call (signal(7)); throws what errno(3) says, read before anything else can change it. */
function call(name: string, run: (c: Native) => number): number {
  const c = native()
  for (;;) {
    const result = run(c)
    if (result !== -1) return result
    const errno = c.errno()
    if (errno !== constants.errno.EINTR) throw systemError(errno, name)
  }
}
