/**
 * A seccomp(2) filter for what Landlock does not refuse. Under it a process cannot leave its session, so that one kill
 * reaches all that it has started; it cannot make a unix socket, so that it talks to no daemon of this machine: not to
 * the control socket of its master, nor to systemd's or Docker's, whatever its user may do; it cannot change the
 * limits of other processes; it empties no file by its name, which Landlock sees from ABI 3 on only (Linux 6.2); and
 * chmod(2) makes no file setuid or writable for others: it says yes and leaves all bits as they were, for programs that
 * copy modes. (Files that were made with such bits are put right when they are taken back, store/take-back.ts.) Sockets
 * that it has stay what they are, and socketpair(2) is another call. The filter is inherited and cannot be taken off.
 */

import { constants, endianness } from 'node:os'
import { arch } from 'node:process'
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
/** __X32_SYSCALL_BIT: the calls of x64 once more, under other numbers. */
const X32_BIT = 0x40000000
const AF_UNIX = 1
/** S_ISUID, S_ISGID, S_IWGRP, S_IWOTH of inode(7). */
const DANGEROUS_MODE = 0o6022
/** O_TRUNC and O_ACCMODE of open(2): to empty a file that is opened for reading is writing as well. */
const O_TRUNC = 0o1000
const O_ACCMODE = 0o3

/** linux/bpf_common.h: BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_K with BPF_JEQ, BPF_JGE and BPF_JSET, BPF_ALU|BPF_AND|BPF_K, BPF_RET|BPF_K. */
const LOAD = 0x20
const EQUAL = 0x15
const AT_LEAST = 0x35
const HAS_ANY = 0x45
const MASK = 0x54
const RETURN = 0x06
const ALLOW = 0x7fff0000
const { EPERM, ENOSYS } = constants.errno
const refuse = (errno: number): number => 0x00050000 | errno
const PRETEND = refuse(0)

/** struct seccomp_data. Of an argument the half that the kernel takes an int from. */
const NUMBER_AT = 0
const AUDIT_AT = 4
const argumentAt = (index: number): number => 16 + index * 8 + (endianness() === 'LE' ? 0 : 4)

/** struct sock_filter: code, how many lines to skip if true and if false, a number. */
type Line = readonly [code: number, whenTrue: number, whenFalse: number, value: number]

/** False where no filter is known for this machine, or the kernel has none. After PR_SET_NO_NEW_PRIVS. */
export function denyEscapes(): boolean {
  const calls = CALLS[arch]
  if (calls === undefined) return false
  try {
    installFilter(assemble(linesFor(calls)))
    return true
  } catch (error) {
    // EINVAL: a kernel without CONFIG_SECCOMP_FILTER.
    if ((error as NodeJS.ErrnoException).code === 'EINVAL') return false
    throw error
  }
}

function linesFor(calls: (typeof CALLS)[string]): Line[] {
  const modes = [[calls.chmod, 1] as const, [calls.fchmod, 1] as const, [calls.fchmodat, 2] as const]
  const opens = [[calls.open, 1] as const, [calls.openat, 2] as const]
  return [
    [LOAD, 0, 0, AUDIT_AT],
    [EQUAL, 1, 0, calls.audit ?? 0],
    // The calls of another architecture, which most kernels run as well.
    [RETURN, 0, 0, refuse(ENOSYS)],
    [LOAD, 0, 0, NUMBER_AT],
    [AT_LEAST, 0, 1, X32_BIT],
    [RETURN, 0, 0, refuse(ENOSYS)],
    ...always(IO_URING_SETUP, refuse(ENOSYS)),
    ...always(OPENAT2, refuse(ENOSYS)),
    ...always(calls.setsid, refuse(EPERM)),
    ...always(calls.truncate, refuse(EPERM)),
    ...opens.flatMap(([number, index]) => whenEmptying(number, index)),
    ...when(calls.socket, [EQUAL, 0, 1, AF_UNIX], 0, refuse(EPERM)),
    ...when(calls.prlimit64, [EQUAL, 1, 0, 0], 0, refuse(EPERM)),
    ...modes.flatMap(([number, index]) => when(number, [HAS_ANY, 0, 1, DANGEROUS_MODE], index, PRETEND)),
    ...when(FCHMODAT2, [HAS_ANY, 0, 1, DANGEROUS_MODE], 2, PRETEND),
    [RETURN, 0, 0, ALLOW],
  ]
}

/** With the number of the call loaded, and still after it. */
function always(number: number | null, verdict: number): Line[] {
  if (number === null) return []
  return [
    [EQUAL, 0, 1, number],
    [RETURN, 0, 0, verdict],
  ]
}

/** As `always`, where the test of an argument goes on with its next line. */
function when(number: number | null, test: Line, index: number, verdict: number): Line[] {
  if (number === null) return []
  return [[EQUAL, 0, 4, number], [LOAD, 0, 0, argumentAt(index)], test, [RETURN, 0, 0, verdict], [RETURN, 0, 0, ALLOW]]
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
