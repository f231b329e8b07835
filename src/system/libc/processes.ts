/**
 * What libc does with processes: attributes of this one (prctl(2)), the end of an adopted child, the descriptors of
 * another, and the step into another program.
 */

import { constants } from 'node:os'
import {
  PR_SET_CHILD_SUBREAPER,
  PR_SET_NAME,
  PR_SET_SECCOMP,
  SECCOMP_MODE_FILTER,
  SOCK_FILTER_BYTES,
  SYS_PIDFD_GETFD,
  SYS_PIDFD_OPEN,
  WNOHANG,
} from './constants.ts'
import { call, syscall, typed } from './native.ts'

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
