/**
 * Landlock (landlock(7)): a process gives up, for itself and all it starts, what it will never need. Here that is to
 * make, to write, to rename and to remove files outside a few folders, and from ABI 6 on signals and abstract sockets
 * to whoever is not under the same rules. Reading stays as it was. It binds the calling thread and what that starts, so
 * the way to bind a whole Node process is to call this and then exec (landlock_restrict_self(2)). It cannot be undone.
 *
 * Being under rules also ends ptrace(2), and with it /proc/PID/environ, mem and fd, of every process that is not.
 */

import { closeSync, constants, openSync } from 'node:fs'
import { syscall } from './libc/native.ts'
import { prctl } from './libc/processes.ts'

/** linux/landlock.h; the three calls have these numbers on every architecture. */
const SYS_LANDLOCK_CREATE_RULESET = 444
const SYS_LANDLOCK_ADD_RULE = 445
const SYS_LANDLOCK_RESTRICT_SELF = 446
const LANDLOCK_CREATE_RULESET_VERSION = 1
const LANDLOCK_RULE_PATH_BENEATH = 1
/** PR_SET_NO_NEW_PRIVS(2const): without CAP_SYS_ADMIN it must come first. */
const PR_SET_NO_NEW_PRIVS = 38

/** LANDLOCK_ACCESS_FS_*: those that change something. */
const ACCESS = {
  writeFile: 1n << 1n,
  removeDirectory: 1n << 4n,
  removeFile: 1n << 5n,
  makeCharacterDevice: 1n << 6n,
  makeDirectory: 1n << 7n,
  makeFile: 1n << 8n,
  makeSocket: 1n << 9n,
  makePipe: 1n << 10n,
  makeBlockDevice: 1n << 11n,
  makeLink: 1n << 12n,
  /** ABI 2: before it no file could be renamed from one folder to another. */
  refer: 1n << 13n,
  /** ABI 3. */
  truncate: 1n << 14n,
  /** ABI 5. */
  deviceIoctl: 1n << 15n,
} as const

const SINCE: Readonly<Partial<Record<keyof typeof ACCESS, number>>> = { truncate: 3, deviceIoctl: 5 }

/** LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET and LANDLOCK_SCOPE_SIGNAL. */
const SCOPES = 0b11n
/** The ABI from which on it keeps signals to whoever is under the same rules (Linux 6.12). */
export const LANDLOCK_KEEPS_SIGNALS = 6

/** With ABI 1 (Linux 5.13 to 5.18) every rename between folders fails, so it counts as none. */
export const LANDLOCK_ABI_NEEDED = 2

/** The ABI of this kernel; 0 where it has none, or it is not switched on, or too old to be of use. */
export function landlockAbi(): number {
  try {
    const abi = syscall(
      'landlock_create_ruleset',
      SYS_LANDLOCK_CREATE_RULESET,
      null,
      0,
      LANDLOCK_CREATE_RULESET_VERSION,
    )
    return abi >= LANDLOCK_ABI_NEEDED ? abi : 0
  } catch {
    // ENOSYS, EOPNOTSUPP, or a seccomp filter that does not know it.
    return 0
  }
}

/** Nothing that the calling thread starts from now on can get privileges by execve(2). */
export function forgoPrivileges(): void {
  prctl(PR_SET_NO_NEW_PRIVS, 1)
}

/**
 * The calling thread, and whatever it starts, can make and change plain files, folders and links in `folders`, and
 * write to the `files`; nothing else. Call `forgoPrivileges` before. Throws the system error.
 */
export function restrictWrites(
  abi: number,
  { folders, files }: { readonly folders: readonly string[]; readonly files: readonly string[] },
): void {
  const ruleset = createRuleset(abi)
  try {
    const inFolders = only(abi, [
      'writeFile',
      'removeDirectory',
      'removeFile',
      'makeDirectory',
      'makeFile',
      'makeLink',
      'refer',
      'truncate',
    ])
    for (const folder of folders) allowBeneath(ruleset, folder, inFolders)
    for (const file of files) allowBeneath(ruleset, file, only(abi, ['writeFile', 'truncate']))
    syscall('landlock_restrict_self', SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0)
  } finally {
    closeSync(ruleset)
  }
}

/** struct landlock_ruleset_attr: older kernels take the longer form as long as what they do not know is zero. */
function createRuleset(abi: number): number {
  const handled = only(abi, Object.keys(ACCESS) as (keyof typeof ACCESS)[])
  const attributes = bytesOf(BigUint64Array.of(handled, 0n, abi >= LANDLOCK_KEEPS_SIGNALS ? SCOPES : 0n))
  return syscall('landlock_create_ruleset', SYS_LANDLOCK_CREATE_RULESET, attributes, attributes.length, 0)
}

/** struct landlock_path_beneath_attr, which is packed. */
function allowBeneath(ruleset: number, path: string, access: bigint): void {
  const fd = openSync(path, constants.O_RDONLY)
  try {
    const rule = Buffer.concat([bytesOf(BigUint64Array.of(access)), bytesOf(Int32Array.of(fd))])
    syscall('landlock_add_rule', SYS_LANDLOCK_ADD_RULE, ruleset, LANDLOCK_RULE_PATH_BENEATH, rule, 0)
  } finally {
    closeSync(fd)
  }
}

function only(abi: number, names: readonly (keyof typeof ACCESS)[]): bigint {
  return names.reduce((sum, name) => ((SINCE[name] ?? 0) <= abi ? sum | ACCESS[name] : sum), 0n)
}

function bytesOf(array: BigUint64Array | Int32Array): Uint8Array {
  return new Uint8Array(array.buffer)
}
