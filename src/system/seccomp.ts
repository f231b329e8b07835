/**
 * A seccomp(2) filter for what Landlock does not refuse. Under it a process cannot leave its session, so that one kill
 * reaches all that it has started; it cannot make a unix socket, so that it talks to no daemon of this machine: not to
 * the control socket of its master, nor to systemd's or Docker's, whatever its user may do; it cannot change the limits
 * or the scheduling of other processes; it changes no extended attribute, and so no ACL (xattr(7)); it empties no file
 * by its name, which Landlock sees from ABI 3 on only (Linux 6.2); and chmod(2) makes no file setuid or writable for
 * others: it says yes and leaves all bits as they were, for programs that copy modes. (Files that were made with such
 * bits are put right when they are taken back, store/take-back.ts.) Where Landlock does not keep signals in, this does,
 * and more coarsely: whoever is under it can signal the process that asked for it, and nobody else, so it cannot end
 * what it has started. Sockets that it has stay what they are, and socketpair(2) is another call. The filter is
 * inherited and cannot be taken off.
 */

import { constants, endianness } from 'node:os'
import { arch, pid } from 'node:process'
import { installFilter } from './libc/processes.ts'

/** unistd.h of each architecture that the filter is known for; `audit` is AUDIT_ARCH_* of linux/audit.h. */
const GENERIC = {
  socket: 198,
  setsid: 157,
  prlimit64: 261,
  chmod: null,
  fchmod: 52,
  fchmodat: 53,
  truncate: 45,
  open: null,
  openat: 56,
  fcntl: 25,
  ioctl: 29,
  kill: 129,
  tkill: 130,
  tgkill: 131,
  rt_sigqueueinfo: 138,
  rt_tgsigqueueinfo: 240,
  setxattr: 5,
  lsetxattr: 6,
  fsetxattr: 7,
  removexattr: 14,
  lremovexattr: 15,
  fremovexattr: 16,
  ioprio_set: 30,
  sched_setparam: 118,
  sched_setscheduler: 119,
  sched_setaffinity: 122,
  setpriority: 140,
  sched_setattr: 274,
}
const CALLS: Readonly<Record<string, { readonly [Name in keyof typeof GENERIC | 'audit']: number | null }>> = {
  x64: {
    audit: 0xc000003e,
    socket: 41,
    setsid: 112,
    prlimit64: 302,
    chmod: 90,
    fchmod: 91,
    fchmodat: 268,
    truncate: 76,
    open: 2,
    openat: 257,
    fcntl: 72,
    ioctl: 16,
    kill: 62,
    tkill: 200,
    tgkill: 234,
    rt_sigqueueinfo: 129,
    rt_tgsigqueueinfo: 297,
    setxattr: 188,
    lsetxattr: 189,
    fsetxattr: 190,
    removexattr: 197,
    lremovexattr: 198,
    fremovexattr: 199,
    ioprio_set: 251,
    sched_setparam: 142,
    sched_setscheduler: 144,
    sched_setaffinity: 203,
    setpriority: 141,
    sched_setattr: 314,
  },
  arm64: { audit: 0xc00000b7, ...GENERIC },
  riscv64: { audit: 0xc00000f3, ...GENERIC },
  loong64: { audit: 0xc0000102, ...GENERIC },
}

/** The same everywhere. By the first, sockets could be made that no filter sees. */
const IO_URING_SETUP = 425
const FCHMODAT2 = 452
/** Its flags stand where no filter can look; who does not find it goes on with openat(2). */
const OPENAT2 = 437
const PIDFD_SEND_SIGNAL = 424
const SETXATTRAT = 463
const REMOVEXATTRAT = 466
/** __X32_SYSCALL_BIT: the calls of x64 once more, under other numbers. */
const X32_BIT = 0x40000000
const AF_UNIX = 1
/** F_SETOWN and F_SETOWN_EX of fcntl(2), FIOSETOWN and SIOCSPGRP of ioctl(2): who gets a signal when data come. */
const SET_OWNER = [8, 15]
const IOCTL_SET_OWNER = [0x8901, 0x8902]
/** S_ISUID, S_ISGID, S_IWGRP, S_IWOTH of inode(7). */
const DANGEROUS_MODE = 0o6022
/** O_TRUNC and O_ACCMODE of open(2): to empty a file that is opened for reading is writing as well. */
const O_TRUNC = 0o1000
const O_ACCMODE = 0o3

/**
 * linux/bpf_common.h: BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_K with BPF_JEQ, BPF_JGE and BPF_JSET, BPF_ALU|BPF_AND|BPF_K,
 * BPF_RET|BPF_K.
 */
const LOAD = 0x20
const EQUAL = 0x15
const AT_LEAST = 0x35
const HAS_ANY = 0x45
const MASK = 0x54
const RETURN = 0x06
const ALLOW = 0x7fff0000
const { EPERM, ENOSYS, EOPNOTSUPP } = constants.errno
const refuse = (errno: number): number => 0x00050000 | errno
const PRETEND = refuse(0)

/** struct seccomp_data. Of an argument the half that the kernel takes an int from. */
const NUMBER_AT = 0
const AUDIT_AT = 4
const argumentAt = (index: number): number => 16 + index * 8 + (endianness() === 'LE' ? 0 : 4)

/** struct sock_filter: code, how many lines to skip if true and if false, a number. */
type Line = readonly [code: number, whenTrue: number, whenFalse: number, value: number]

/** Whether there is one for the architecture of this machine. */
export function hasFilter(): boolean {
  return CALLS[arch] !== undefined
}

/**
 * With `keepSignals` none of its signals reaches another process: for a kernel where Landlock does not see to it. False
 * where no filter is known for this machine, or the kernel has none. After PR_SET_NO_NEW_PRIVS.
 */
export function denyEscapes({ keepSignals }: { readonly keepSignals: boolean }): boolean {
  const calls = CALLS[arch]
  if (calls === undefined) return false
  try {
    installFilter(assemble(linesFor(calls, keepSignals)))
    return true
  } catch (error) {
    // EINVAL: a kernel without CONFIG_SECCOMP_FILTER.
    if ((error as NodeJS.ErrnoException).code === 'EINVAL') return false
    throw error
  }
}

function linesFor(calls: (typeof CALLS)[string], keepSignals: boolean): Line[] {
  const modes = [[calls.chmod, 1] as const, [calls.fchmod, 1] as const, [calls.fchmodat, 2] as const]
  const opens = [[calls.open, 1] as const, [calls.openat, 2] as const]
  const attributes = [calls.setxattr, calls.lsetxattr, calls.fsetxattr, SETXATTRAT]
  const removals = [calls.removexattr, calls.lremovexattr, calls.fremovexattr, REMOVEXATTRAT]
  const scheduling = [
    ...[calls.setpriority, calls.ioprio_set, calls.sched_setparam],
    ...[calls.sched_setscheduler, calls.sched_setaffinity, calls.sched_setattr],
  ]
  return [
    [LOAD, 0, 0, AUDIT_AT],
    [EQUAL, 1, 0, calls.audit ?? 0],
    // The calls of another architecture, which most kernels run as well.
    [RETURN, 0, 0, refuse(ENOSYS)],
    [LOAD, 0, 0, NUMBER_AT],
    [AT_LEAST, 0, 1, X32_BIT],
    [RETURN, 0, 0, refuse(ENOSYS)],
    ...opens.flatMap(([number, index]) => whenEmptying(number, index)),
    ...always([IO_URING_SETUP, OPENAT2], refuse(ENOSYS)),
    ...always([calls.setsid, calls.truncate, ...scheduling], refuse(EPERM)),
    // As of a file system that has none, which programs that copy them put up with.
    ...always([...attributes, ...removals], refuse(EOPNOTSUPP)),
    ...when(calls.socket, [EQUAL, 0, 1, AF_UNIX], 0, refuse(EPERM)),
    ...when(calls.prlimit64, [EQUAL, 1, 0, 0], 0, refuse(EPERM)),
    ...modes.flatMap(([number, index]) => when(number, [HAS_ANY, 0, 1, DANGEROUS_MODE], index, PRETEND)),
    ...when(FCHMODAT2, [HAS_ANY, 0, 1, DANGEROUS_MODE], 2, PRETEND),
    ...(keepSignals ? onlyToSelf(calls) : []),
    [RETURN, 0, 0, ALLOW],
  ]
}

/** This process, which keeps its number when it becomes another program, may end itself: abort(3) does. */
function onlyToSelf(calls: (typeof CALLS)[string]): Line[] {
  const signals = [calls.kill, calls.tkill, calls.tgkill, calls.rt_sigqueueinfo, calls.rt_tgsigqueueinfo]
  return [
    ...always([PIDFD_SEND_SIGNAL], refuse(EPERM)),
    ...signals.flatMap((number) => when(number, [EQUAL, 1, 0, pid], 0, refuse(EPERM))),
    ...whenOneOf(calls.fcntl, SET_OWNER, 1, refuse(EPERM)),
    ...whenOneOf(calls.ioctl, IOCTL_SET_OWNER, 1, refuse(EPERM)),
  ]
}

/** With the number of the call loaded, and still after it. */
function always(numbers: readonly (number | null)[], verdict: number): Line[] {
  return numbers
    .filter((number) => number !== null)
    .flatMap((number): Line[] => [
      [EQUAL, 0, 1, number],
      [RETURN, 0, 0, verdict],
    ])
}

/** As `always` for one call, where the test of an argument goes on with its next line. */
function when(number: number | null, test: Line, index: number, verdict: number): Line[] {
  if (number === null) return []
  return [[EQUAL, 0, 4, number], [LOAD, 0, 0, argumentAt(index)], test, [RETURN, 0, 0, verdict], [RETURN, 0, 0, ALLOW]]
}

function whenOneOf(number: number | null, values: readonly number[], index: number, verdict: number): Line[] {
  if (number === null) return []
  return [
    [EQUAL, 0, values.length + 3, number],
    [LOAD, 0, 0, argumentAt(index)],
    ...values.map((value, at): Line => [EQUAL, values.length - at, 0, value]),
    [RETURN, 0, 0, ALLOW],
    [RETURN, 0, 0, verdict],
  ]
}

function whenEmptying(number: number | null, index: number): Line[] {
  if (number === null) return []
  return [
    [EQUAL, 0, 5, number],
    [LOAD, 0, 0, argumentAt(index)],
    [MASK, 0, 0, O_TRUNC | O_ACCMODE],
    [EQUAL, 0, 1, O_TRUNC],
    [RETURN, 0, 0, refuse(EPERM)],
    [RETURN, 0, 0, ALLOW],
  ]
}

function assemble(lines: readonly Line[]): Uint8Array {
  const program = new DataView(new ArrayBuffer(lines.length * 8))
  const isLittleEndian = endianness() === 'LE'
  for (const [index, [code, whenTrue, whenFalse, value]] of lines.entries()) {
    program.setUint16(index * 8, code, isLittleEndian)
    program.setUint8(index * 8 + 2, whenTrue)
    program.setUint8(index * 8 + 3, whenFalse)
    program.setUint32(index * 8 + 4, value, isLittleEndian)
  }
  return new Uint8Array(program.buffer)
}
