/** What a test needs of the machine; where it is missing, the test is skipped with a line that says so. */

import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'vitest'

/** Debian's package of a program, where it has another name. */
const PACKAGES: Readonly<Record<string, string>> = {
  nginx: 'nginx-light',
  'php-fpm': 'php-fpm',
  'systemd-socket-activate': 'systemd',
  prlimit: 'util-linux',
  unshare: 'util-linux',
  setpriv: 'util-linux',
  ps: 'procps',
  promtool: 'prometheus',
  man: 'man-db',
}

/** The absolute path of a program, also in the sbin folders that a user's PATH leaves out; null without it. */
export function findProgram(name: string): string | null {
  const names = name === 'php-fpm' ? ['php-fpm', 'php-fpm8.2', 'php-fpm8.3', 'php-fpm8.4'] : [name]
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin']
  for (const folder of folders) {
    for (const each of names) {
      try {
        accessSync(join(folder, each), constants.X_OK)
        return join(folder, each)
      } catch {
        // not in this folder
      }
    }
  }
  return null
}

/** `needs('gunicorn').test('…', …)`: vitest's own `test` and `describe`, or their `skip`. `root` means to be root. */
export function needs(...programs: string[]): { test: Tests; describe: Suites } {
  const missing = programs.filter((name) => (name === 'root' ? process.getuid?.() !== 0 : !findProgram(name)))
  for (const name of missing) tell(name === 'root' ? 'root' : `${name} (Debian: ${PACKAGES[name] ?? name})`)
  if (missing.length === 0) return { test, describe }
  return { test: test.skip, describe: describe.skip }
}

type Tests = typeof test | typeof test.skip
type Suites = typeof describe | typeof describe.skip

const told = new Set<string>()

function tell(missing: string): void {
  if (!told.has(missing)) process.stderr.write(`skipping tests, since this machine has no ${missing}\n`)
  told.add(missing)
}
