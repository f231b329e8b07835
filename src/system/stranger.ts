/**
 * Users that nobody is: a root process goes on as one of them and owns nothing of the machine but what it was lent. So
 * it cannot change modes, owners, times or attributes of other people's files, which Landlock does not mediate. Where
 * what it needs is root's alone it keeps the right to read that (capabilities(7), "Ambient"), and with it all else that
 * root may read. Who he is depends on his pid, so that of two who run at a time, whichever masters they have, none has
 * power over what is the other's.
 */

import { readFileSync } from 'node:fs'
import { arch, platform } from 'node:process'
import { errnoOf } from '../core/errors.ts'
import { syscall } from './libc/native.ts'
import { prctl } from './libc/processes.ts'
import { capabilities } from './own-limits.ts'

/** One for each pid that there can be (PID_MAX_LIMIT). systemd.io/UIDS-GIDS and sssd.conf(5) give none of them out. */
const EACH = { first: 2 ** 31 - 2 ** 22, count: 2 ** 22 }

/** Of a user namespace that has no more than 65536 users: nobody's as well, and seldom the same for two at a time. */
const FEW = { first: 65_520, count: 14 }

/** The group of them all. */
export const STRANGERS: number = FEW.first

/** capabilities(7), by number. */
const CAP = { chown: 0, dacOverride: 1, readAll: 2, fowner: 3, kill: 5, setgid: 6, setuid: 7, lease: 28 } as const

/** What a master needs to lend, to take back and to end what it lent to. */
const LENDING = [CAP.chown, CAP.dacOverride, CAP.fowner, CAP.kill, CAP.setgid, CAP.setuid]

/** PR_SET_KEEPCAPS(2const), PR_CAP_AMBIENT(2const). */
const PR_SET_KEEPCAPS = 8
const PR_CAP_AMBIENT = 47
const PR_CAP_AMBIENT_RAISE = 2
const PR_CAP_AMBIENT_CLEAR_ALL = 4

/** linux/capability.h */
const CAPABILITY_VERSION_3 = 0x20080522

/** capset(2) of unistd.h. */
const SYS_CAPSET: Readonly<Record<string, number>> = {
  x64: 126,
  arm64: 91,
  riscv64: 91,
  loong64: 91,
  arm: 185,
  ia32: 185,
  ppc64: 184,
  s390x: 185,
}

/** Whether this process can start others as strangers: root, with its usual capabilities. */
export function knowsStrangers(): boolean {
  return process.getuid?.() === 0 && SYS_CAPSET[arch] !== undefined && LENDING.every((each) => has('CapEff', each))
}

/** Who the process of that pid is to be. The number lives as long as anything of its session (kernel's pid.c). */
export function strangerOf(pid: number): number {
  const { first, count } = isMapped(EACH) ? EACH : FEW
  return first + (pid % count)
}

/** Lines of `inside outside count` (user_namespaces(7)). */
function isMapped({ first, count }: typeof EACH): boolean {
  return readFileSync('/proc/self/uid_map', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/ +/).map(Number))
    .some(([inside = 0, , many = 0]) => inside <= first && first + count <= inside + many)
}

/**
 * This process, and what the calling thread starts by execve(2), is that user from now on, for good. With `readsAll` it
 * keeps the right to read everything and to ask for leases, as far as it had them. Throws where the user does not exist
 * in this namespace.
 */
export function becomeStranger(uid: number, { readsAll }: { readonly readsAll: boolean }): void {
  prctl(PR_SET_KEEPCAPS, 1)
  process.setgroups?.([])
  process.setgid?.(STRANGERS)
  process.setuid?.(uid)
  const kept = readsAll ? keptCapabilities() : []
  setCapabilities(kept)
  for (const each of kept) raiseAmbient(each)
}

/** What a stranger starts from now on reads what is everybody's to read, and no more. He himself keeps his rights. */
export function keepRightsToSelf(): void {
  if (platform !== 'linux') return
  try {
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
  } catch (error) {
    // Before Linux 4.3 there are none.
    if (errnoOf(error) !== 'EINVAL') throw error
  }
}

/** In a container root often has the greater right and not the smaller one. */
function keptCapabilities(): readonly number[] {
  const reads = has('CapPrm', CAP.readAll) ? CAP.readAll : CAP.dacOverride
  return [reads, CAP.lease].filter((each) => has('CapPrm', each))
}

/** One that the bounding set lacks cannot be handed on. */
function raiseAmbient(capability: number): void {
  try {
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw error
  }
}

/** struct __user_cap_header_struct and two of struct __user_cap_data_struct: effective, permitted, inheritable. */
function setCapabilities(all: readonly number[]): void {
  const mask = all.reduce((sum, each) => sum | (1 << each), 0) >>> 0
  const header = new Uint8Array(Uint32Array.of(CAPABILITY_VERSION_3, 0).buffer)
  const data = new Uint8Array(Uint32Array.of(mask, mask, mask, 0, 0, 0).buffer)
  syscall('capset', SYS_CAPSET[arch] ?? 0, header, data)
}

function has(set: 'CapEff' | 'CapPrm', capability: number): boolean {
  return (capabilities(set) & (1n << BigInt(capability))) !== 0n
}
