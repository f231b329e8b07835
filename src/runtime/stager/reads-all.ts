/**
 * Whether a stager of root has to keep root's right to read everything. It has not when all that it needs can be read
 * by anybody; then a download that comes to rule it sees no key, no password and no file of another user. Asked anew
 * for each stager, since modes change.
 */

import { isAbsolute, join } from 'node:path'
import { isReadableByAll } from '../../system/reachable.ts'
import { selfAs } from '../../system/self.ts'

/** What these need of this machine is known; another source may be anything on it. */
const REMOTE = /^(?:https?|github|npm):/

const AUTHORITIES = /^(?:NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR)$/
const NPM_FILES = /^npm_config_(?:globalconfig|cafile)$/i
/** In the user's settings is his login. */
const NPM_USER = /^npm_config_userconfig$/i

/** What it is that root alone can read, and the stager needs; or null. `store` is its root folder. */
export function readsAllFor(source: string, store: string, env: NodeJS.ProcessEnv = process.env): string | null {
  if (!REMOTE.test(source)) return 'the source'
  const needed = [...selfAs('stager').argv, store, ...named(AUTHORITIES, env)]
  if (source.startsWith('npm:')) {
    const [own = join(env.HOME ?? '', '.npmrc')] = named(NPM_USER, env)
    needed.push(own, ...named(NPM_FILES, env))
  }
  return needed.find((path) => isAbsolute(path) && !isReadableByAll(path)) ?? null
}

function named(names: RegExp, env: NodeJS.ProcessEnv): string[] {
  return Object.entries(env).flatMap(([name, value = '']) => (names.test(name) ? [value] : []))
}
