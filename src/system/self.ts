/**
 * How this program starts itself as one of its helpers. A child is told in AUTOUP_ROLE what it is to be, and its main
 * program sees to it (takeRole in src/runtime): beside the installed package that is `helper.js`; in a bundle, and in a
 * single executable, which have no other file to start, it is the program itself, with the arguments it has now, so
 * that it comes to the same call of `run`.
 *
 * A single executable is started through /proc/self/exe (proc_pid_exe(5)): whatever was put in its place on disk since,
 * the helper is of the same build as its master.
 */

import { existsSync } from 'node:fs'
import { isSea } from 'node:sea'
import { fileURLToPath } from 'node:url'

/**
 * `confined` becomes `stager`; `check` says that this build can be started here (src/runtime/stager/build-check.ts).
 */
const ROLES = ['confined', 'stager', 'check'] as const

export type Role = (typeof ROLES)[number]

export interface SelfCommand {
  readonly argv: readonly [program: string, ...args: string[]]
  /** To be added to the environment of the child. */
  readonly env: Readonly<Record<string, string>>
}

export const ROLE_VARIABLE = 'AUTOUP_ROLE'

export function selfAs(role: Role, words: readonly string[] = []): SelfCommand {
  return { argv: [ownExecutable(), ...mainProgram()], env: roleVariable(role, words) }
}

/** Not among the arguments, which belong to the program. */
export function roleVariable(role: Role, words: readonly string[]): Readonly<Record<string, string>> {
  return { [ROLE_VARIABLE]: JSON.stringify([role, ...words]) }
}

export interface Part {
  readonly role: Role
  readonly words: readonly string[]
}

/** What this process was started for, or null. Its own children are not to take it for theirs. */
export function takeRoleVariable(): Part | null {
  const text = process.env[ROLE_VARIABLE]
  delete process.env[ROLE_VARIABLE]
  if (text === undefined) return null
  const [role, ...words] = JSON.parse(text) as [string, ...string[]]
  return isRole(role) ? { role, words } : null
}

/** What execve(2) is to be given to run this very program again. */
export function ownExecutable(): string {
  return isSea() ? '/proc/self/exe' : process.execPath
}

function isRole(text: string): text is Role {
  return ROLES.some((role) => role === text)
}

/** A single executable needs no script. Node shows its own path as the second word all the same. */
function mainProgram(): readonly string[] {
  const [, script = '', ...args] = process.argv
  if (isSea()) return args
  const helper = installedHelper()
  return helper === null ? [...process.execArgv, script, ...args] : [helper]
}

/** Node 20 runs no TypeScript: from the sources, as in tests, the built program is started. */
function installedHelper(): string | null {
  // Undefined in a CommonJS bundle.
  const here: string | undefined = import.meta.url
  if (here === undefined) return null
  const path = here.endsWith('.ts') ? '../../dist/src/runtime/helper.js' : '../runtime/helper.js'
  const helper = fileURLToPath(new URL(path, here))
  return existsSync(helper) ? helper : null
}
