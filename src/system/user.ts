/**
 * `NAME[:GROUP]` as numbers, from passwd(5) and group(5), and from getent(1) for users who are only in a directory
 * service. Numbers may stand for names. A Node child started with uid and gid has no supplementary groups.
 */

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { AutoupError } from '../core/errors.ts'
import { capabilities } from './own-limits.ts'

export interface User {
  /** As in passwd, or the number where it has no name. */
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
  readonly shell: string
}

type Database = 'passwd' | 'group'

const FILES: Readonly<Record<Database, string>> = { passwd: '/etc/passwd', group: '/etc/group' }

const GETENT_TIMEOUT_MS = 10_000

/** Throws AutoupError `config` when there is no such user or group. */
export function lookUpUser(text: string): User {
  const [userName = '', groupName, ...rest] = text.split(':')
  if (userName === '' || groupName === '' || rest.length > 0) {
    throw new AutoupError('config', `'${text}' is not a user; write NAME or NAME:GROUP`)
  }
  const group = groupName === undefined ? null : lookUpGroup(groupName)
  const entry = find('passwd', userName)
  if (entry) {
    const [name = '', , uid, gid, , home, shell] = entry
    return { name, uid: Number(uid), gid: group ?? Number(gid), home: home || '/', shell: shell || '/bin/sh' }
  }
  if (!isNumber(userName)) {
    throw new AutoupError('config', `there is no user '${userName}' on this machine; create it with useradd`)
  }
  if (group === null) {
    const advice = `write ${userName}:GROUP to say which group it has`
    throw new AutoupError('config', `there is no user with the number ${userName} on this machine; ${advice}`)
  }
  return { name: userName, uid: Number(userName), gid: group, home: '/', shell: '/bin/sh' }
}

/** Throws AutoupError `failed` where this process may start nothing as that user. */
export function requireSwitchTo({ name, uid, gid }: User): void {
  if (process.geteuid?.() === uid && process.getegid?.() === gid) return
  if ((capabilities('CapEff') & SWITCHING) === SWITCHING) return
  const advice = 'start autoup as root, or leave --user out'
  throw new AutoupError(
    'failed',
    `cannot start workers as the user '${name}', since only root may change users: ${advice}`,
  )
}

/** CAP_CHOWN, for the sockets that a worker speaks on, CAP_SETGID and CAP_SETUID (capabilities(7)). */
const SWITCHING = (1n << 0n) | (1n << 6n) | (1n << 7n)

function lookUpGroup(name: string): number {
  const entry = find('group', name)
  if (entry) return Number(entry[2])
  if (isNumber(name)) return Number(name)
  throw new AutoupError('config', `there is no group '${name}' on this machine; create it with groupadd`)
}

/** The fields of the entry with this name, else with this number, as chown(1) does it. */
function find(database: Database, key: string): string[] | null {
  const entries = readFileSync(FILES[database], 'utf8').split('\n')
  const fields = entries.map((line) => line.split(':'))
  const local = fields.find(([name]) => name === key) ?? (isNumber(key) ? fields.find((all) => all[2] === key) : null)
  return local ?? ask(database, key)
}

function ask(database: Database, key: string): string[] | null {
  if (key.startsWith('-')) return null
  try {
    return execFileSync('getent', [database, key], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: GETENT_TIMEOUT_MS,
    })
      .trim()
      .split(':')
  } catch {
    // 2: no such key; or no getent, as in small images, where the files are all there is.
    return null
  }
}

/** uid_t has 32 bits and its highest value means "leave it" (chown(2)). */
function isNumber(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) < 0xffffffff
}
