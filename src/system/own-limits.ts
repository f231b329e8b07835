/**
 * What a process gives up or bounds for itself and all that it starts: resource limits (getrlimit(2)), capabilities
 * (capabilities(7)), and its place in the queue when memory runs out (proc_pid_oom_score_adj(5)). None of it can be
 * taken back, but by root.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { arch, platform } from 'node:process'
import { errnoOf } from '../core/errors.ts'
import { syscall } from './libc/native.ts'
import { prctl } from './libc/processes.ts'

/** RLIMIT_*, of every architecture that there is a current Node for. */
const LIMIT = { cpuSeconds: 0, fileBytes: 1, dataBytes: 2, coreBytes: 4, processes: 6 } as const

export type Limits = Readonly<Partial<Record<keyof typeof LIMIT, number>>>

/** prlimit64(2): its numbers are 64 bit wide everywhere, those of setrlimit(2) are not. */
const SYS_PRLIMIT64: Readonly<Record<string, number>> = {
  x64: 302,
  arm64: 261,
  arm: 369,
  ia32: 340,
  ppc64: 325,
  s390x: 334,
  riscv64: 261,
  loong64: 261,
}

/** PR_SET_PDEATHSIG(2const). */
const PR_SET_PDEATHSIG = 1
/** PR_CAPBSET_DROP(2const). */
const PR_CAPBSET_DROP = 24
/** PR_SET_DUMPABLE(2const). */
const PR_SET_DUMPABLE = 4
/** CAP_SETPCAP, without which nothing can be dropped. */
const CAP_SETPCAP = 8
/** More than any kernel has. */
const CAPABILITIES = 64

/**
 * What reading and writing other people's files takes: CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_LEASE.
 */
export const FILE_CAPABILITIES: readonly number[] = [1, 2, 3, 28]

/** Lowers limits, never raises them. Where the architecture is not known it does nothing. */
export function limitSelf(limits: Limits): void {
  const number = SYS_PRLIMIT64[arch]
  if (number === undefined) return
  for (const [name, value] of Object.entries(limits)) {
    const resource = LIMIT[name as keyof typeof LIMIT]
    const now = new BigUint64Array(2)
    syscall('prlimit', number, 0, resource, null, bytesOf(now))
    const [, most = 0n] = now
    const next = BigInt(value) < most ? BigInt(value) : most
    syscall('prlimit', number, 0, resource, bytesOf(BigUint64Array.of(next, next)), null)
  }
}

/**
 * From the next execve(2) on, root has of its capabilities no more than `kept`: it cannot load a module, mount, trace,
 * or signal what belongs to others. Does nothing where there are none to lose.
 */
export function dropCapabilities(kept: readonly number[]): void {
  if ((capabilities('CapEff') & (1n << BigInt(CAP_SETPCAP))) === 0n) return
  // CAP_SETPCAP goes last, since it is what takes the others away.
  const doomed = Array.from({ length: CAPABILITIES }, (_, index) => index).filter((each) => !kept.includes(each))
  for (const capability of [...doomed.filter((each) => each !== CAP_SETPCAP), CAP_SETPCAP]) {
    try {
      prctl(PR_CAPBSET_DROP, capability)
    } catch (error) {
      // This kernel has fewer.
      if (errnoOf(error) !== 'EINVAL') throw error
    }
  }
}

/**
 * From now on nobody without CAP_SYS_PTRACE, be he of the same user, reads the memory or the environment of this
 * process, traces it or takes its descriptors (ptrace(2)): not even a program that it starts. Undone by execve(2).
 */
export function hideMemory(): void {
  if (platform === 'linux') prctl(PR_SET_DUMPABLE, 0)
}

/**
 * The kernel kills this process when its parent has ended, also where it hangs. To be called last: a change of user
 * undoes it, an execve(2) does not (PR_SET_PDEATHSIG(2const)).
 */
export function endWithParent(): void {
  prctl(PR_SET_PDEATHSIG, constants.signals.SIGKILL)
}

/** When memory runs out, this one is killed before any service. */
export function dieFirst(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000')
  } catch {
    // A /proc that is read-only.
  }
}

/** As a bit mask (proc_pid_status(5)). */
export function capabilities(set: 'CapEff' | 'CapPrm'): bigint {
  const match = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))
  return match ? BigInt(`0x${match[1]}`) : 0n
}

function bytesOf(array: BigUint64Array): Uint8Array {
  return new Uint8Array(array.buffer)
}
