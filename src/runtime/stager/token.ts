/**
 * The token for a release source: from `--token-file`, else from systemd's credentials (`LoadCredential=` in
 * systemd.exec(5)), else from the environment. It is read anew for each check, so that a renewed one is taken up
 * without a restart, and goes to the stager through its own descriptor only: never into an argument, an environment, a
 * message or a log. An error names the file, never what is in it.
 */

import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AutoupError, errnoOf } from '../../core/errors.ts'
import type { Settings } from '../../core/settings.ts'
import type { Fetcher } from '../../core/source.ts'

/** The variables that the tools of each source know; workers get none of them (src/system/environment.ts). */
const VARIABLES: Readonly<Record<string, readonly string[]>> = {
  github: ['GH_TOKEN', 'GITHUB_TOKEN'],
  npm: ['NPM_TOKEN', 'NODE_AUTH_TOKEN'],
}

/** JSON Web Tokens are long; nothing else is. */
const LONGEST_BYTES = 16_384

export interface TokenPlaces {
  /** `--token-file`, absolute, or null. */
  readonly file: string | null
  readonly env: Readonly<Record<string, string | undefined>>
}

/** What the source thinks right where the operator says nothing; some have to be asked less often without a token. */
export function sourceIntervalMs(fetcher: Fetcher, { tokenFile }: Pick<Settings, 'tokenFile'>): number | null {
  const { scheme, intervalMs = null, intervalWithoutTokenMs = intervalMs } = fetcher
  return hasToken(scheme, tokenFile) ? intervalMs : intervalWithoutTokenMs
}

/** One that is there and cannot be read counts: each check says what is wrong with it. */
function hasToken(scheme: string, file: string | null): boolean {
  try {
    return tokenFor(scheme, { file, env: process.env }) !== null
  } catch {
    return true
  }
}

/**
 * `scheme` is that of the fetcher. Null where there is none. Throws AutoupError `config` for a file that cannot be read
 * or holds no token.
 */
export function tokenFor(scheme: string, { file, env }: TokenPlaces): string | null {
  if (file !== null) return readToken(file, 'the token file')
  const variables = VARIABLES[scheme] ?? []
  const directory = env.CREDENTIALS_DIRECTORY
  if (directory) {
    for (const name of [`${scheme}-token`, ...variables, 'token']) {
      const path = join(directory, name)
      if (exists(path)) return readToken(path, 'the credential')
    }
  }
  for (const name of variables) {
    const value = env[name]?.trim()
    if (value) return checked(value, name)
  }
  return null
}

function exists(path: string): boolean {
  try {
    closeSync(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK))
    return true
  } catch (error) {
    // One that is there and cannot be read is said so.
    return errnoOf(error) !== 'ENOENT'
  }
}

/** O_NONBLOCK: the master does not wait for the writer of a named pipe. */
function readToken(path: string, what: string): string {
  let text: string
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const stats = fstatSync(fd)
      if (!stats.isFile())
        throw new AutoupError('config', `${what} ${path} is not a file: give one that holds the token`)
      if (stats.size > LONGEST_BYTES) throw new AutoupError('config', `${what} ${path} is too long for a token`)
      text = readFileSync(fd, 'utf8')
    } finally {
      closeSync(fd)
    }
  } catch (cause) {
    if (cause instanceof AutoupError) throw cause
    const errno = errnoOf(cause)
    const why = errno === 'ENOENT' ? 'there is no such file' : errno === 'EACCES' ? 'permission denied' : errno
    throw new AutoupError('config', `cannot read ${what} ${path}: ${why}`, { cause })
  }
  return checked(text.trim(), `${what} ${path}`)
}

/** What could not stand in a header is none. */
function checked(token: string, from: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new AutoupError('config', `${from} holds no token: it is ${token === '' ? 'empty' : 'not one word'}`)
}
