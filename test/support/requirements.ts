/** What a test needs of the machine; where it is missing, the test is skipped with a line that says so. */

import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { landlockAbi } from '../../src/system/landlock.ts'
import { isReadableByAll } from '../../src/system/reachable.ts'
import { cgroupRoot, limitsMemory } from './cgroup.ts'

/** Debian's package of a program, where it has another name. */
const PACKAGES: Readonly<Record<string, string>> = {
  nginx: 'nginx-light',
  bundle: 'bundler',
  'php-fpm': 'php-fpm',
  'systemd-socket-activate': 'systemd',
  systemctl: 'systemd',
  nsenter: 'util-linux',
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

/** What is no program: whether the machine has it, and what it is called when it has not. */
const CONDITIONS: Readonly<Record<string, readonly [isMet: () => boolean, called: string]>> = {
  root: [() => process.getuid?.() === 0, 'root'],
  'open-node': [() => isReadableByAll(process.execPath), 'Node where all can read it'],
  // For what another user starts.
  'open-project': [
    () => [process.execPath, process.cwd()].every(isReadableByAll),
    'folder of the project that all can read',
  ],
  cgroup: [() => process.getuid?.() === 0 && cgroupRoot() !== null, 'cgroups (version 2) that it may write'],
  'memory-limit': [() => process.getuid?.() === 0 && limitsMemory(), 'cgroup that limits memory'],
  landlock: [() => landlockAbi() > 0, 'Landlock in its kernel'],
  // Linux 6.12 keeps signals in as well.
  'landlock-signals': [() => landlockAbi() >= 6, 'Landlock of version 6 (Linux 6.12)'],
  seccomp: [
    () => ['x64', 'arm64', 'riscv64', 'loong64'].includes(process.arch),
    'processor that the filter is written for',
  ],
}

/** `needs('gunicorn').test('…', …)`: vitest's own `test` and `describe`, or their `skip`, of programs and conditions. */
export function needs(...programs: string[]): { test: Tests; describe: Suites } {
  const missing = programs.filter((name) => !(CONDITIONS[name]?.[0]() ?? findProgram(name)))
  for (const name of missing) tell(CONDITIONS[name]?.[1] ?? `${name} (Debian: ${PACKAGES[name] ?? name})`)
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
