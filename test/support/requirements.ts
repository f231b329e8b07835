/** What a test needs of the machine; where it is missing, the test is skipped with a line that says so. */

import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { describe, type SuiteFactory, type TestFunction, test } from 'vitest'

/** Debian's package of a program, where it has another name. */
const PACKAGES: Readonly<Record<string, string>> = {
  nginx: 'nginx-light',
  'php-fpm': 'php-fpm',
  'systemd-socket-activate': 'systemd',
  prlimit: 'util-linux',
  unshare: 'util-linux',
  ps: 'procps',
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

export interface Needs {
  test(name: string, body: TestFunction, timeoutMs?: number): void
  describe(name: string, body: SuiteFactory): void
}

/** `needs('gunicorn').test('…', …)`; `root` means to be root. */
export function needs(...programs: string[]): Needs {
  const missing = programs.filter((name) => (name === 'root' ? process.getuid?.() !== 0 : !findProgram(name)))
  const hint = missing.map((name) => (name === 'root' ? 'root' : `${name} (Debian: ${PACKAGES[name] ?? name})`))
  const suffix = ` [skipped: this machine has no ${hint.join(', no ')}]`
  if (missing.length === 0)
    return { test: (name, body, ms) => test(name, ms === undefined ? {} : { timeout: ms }, body), describe }
  for (const line of hint) tell(line)
  return {
    test: (name, body) => test.skip(name + suffix, body),
    describe: (name, body) => describe.skip(name + suffix, body),
  }
}

const told = new Set<string>()

function tell(missing: string): void {
  if (!told.has(missing)) process.stderr.write(`skipping tests: this machine has no ${missing}\n`)
  told.add(missing)
}
