/**
 * A seccomp(2) filter for what Landlock cannot refuse: a process under it cannot leave its session, so that one kill
 * reaches all that it has started, and it cannot make a unix socket, so that it talks to no daemon of this machine: not
 * to the control socket of its master, nor to that of systemd or Docker, whatever its user may do. Sockets that it has
 * stay what they are, and socketpair(2) is another call. The filter is inherited and cannot be taken off.
 */

import { constants, endianness } from 'node:os'
import { arch } from 'node:process'
import { installFilter } from './libc.ts'

interface Calls {
  /** AUDIT_ARCH_* of linux/audit.h. */
  readonly audit: number
  readonly socket: number
  readonly setsid: number
}

/** unistd.h of each architecture that the filter is known for. */
const CALLS: Readonly<Record<string, Calls>> = {
  x64: { audit: 0xc000003e, socket: 41, setsid: 112 },
  arm64: { audit: 0xc00000b7, socket: 198, setsid: 157 },
  riscv64: { audit: 0xc00000f3, socket: 198, setsid: 157 },
  loong64: { audit: 0xc0000102, socket: 198, setsid: 157 },
}

/** The same everywhere. By it sockets could be made that no filter sees. */
const IO_URING_SETUP = 425
/** __X32_SYSCALL_BIT: the same calls of x64 under other numbers. */
const X32_BIT = 0x40000000
const AF_UNIX = 1

/** linux/bpf_common.h: BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_JMP|BPF_JGE|BPF_K, BPF_RET|BPF_K. */
const LOAD = 0x20
const EQUAL = 0x15
const AT_LEAST = 0x35
const RETURN = 0x06
const RET_ALLOW = 0x7fff0000
const RET_ERRNO = 0x00050000

/** struct seccomp_data; of an argument only the half that a kernel takes an int from. */
const DATA = { number: 0, audit: 4, firstArgument: endianness() === 'LE' ? 16 : 20 } as const

/** False where no filter is known for this machine, or the kernel has none. After PR_SET_NO_NEW_PRIVS. */
export function denyEscapes(): boolean {
  const calls = CALLS[arch]
  if (calls === undefined) return false
  try {
    installFilter(programFor(calls))
    return true
  } catch (error) {
    // EINVAL: a kernel without CONFIG_SECCOMP_FILTER.
    if ((error as NodeJS.ErrnoException).code === 'EINVAL') return false
    throw error
  }
}

/** struct sock_filter: code, where to go on if true and if false, a number. */
function programFor({ audit, socket, setsid }: Calls): Uint8Array {
  const { EPERM, ENOSYS } = constants.errno
  const lines: readonly (readonly [number, number, number, number])[] = [
    [LOAD, 0, 0, DATA.audit],
    [EQUAL, 0, 8, audit],
    [LOAD, 0, 0, DATA.number],
    [AT_LEAST, 6, 0, X32_BIT],
    [EQUAL, 5, 0, IO_URING_SETUP],
    [EQUAL, 5, 0, setsid],
    [EQUAL, 0, 2, socket],
    [LOAD, 0, 0, DATA.firstArgument],
    [EQUAL, 2, 0, AF_UNIX],
    [RETURN, 0, 0, RET_ALLOW],
    // The calls of another architecture, and what this kernel is to have none of.
    [RETURN, 0, 0, RET_ERRNO | ENOSYS],
    [RETURN, 0, 0, RET_ERRNO | EPERM],
  ]
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
