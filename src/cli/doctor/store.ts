/** The store and what runs from it: permissions, the committed build, and what a master that ended badly has left. */

import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { nameOf } from '../../core/build.ts'
import { messageOf } from '../../core/errors.ts'
import type { Finding } from '../../core/finding.ts'
import type { Ledger } from '../../core/ledger.ts'
import type { Status } from '../../core/status.ts'
import { checkSeal, damageOf } from '../../store/check-seal.ts'
import type { StorePaths } from '../../store/layout.ts'
import { leftBehind } from '../left-behind.ts'

/** `ledger` is null where `state.json` is damaged, `status` where no master runs. */
export async function checkStore(
  paths: StorePaths,
  ledger: Ledger | null,
  status: Status | 'unknown' | null,
): Promise<Finding[]> {
  return [
    checkPermissions(paths),
    ...(ledger === null ? [damaged(paths)] : await checkCommitted(paths, ledger)),
    ...(status === null ? checkLeftovers(paths) : status === 'unknown' ? [] : [running(status)]),
  ]
}

function checkPermissions({ root }: StorePaths): Finding {
  const check = 'state-dir'
  for (let place = root; ; place = dirname(place)) {
    if (!existsSync(place)) continue
    try {
      accessSync(place, constants.W_OK | constants.X_OK)
    } catch {
      const message = `this user may not write in ${place}: run it as another one, or choose another --state-dir`
      return { check, level: 'fail', message }
    }
    if (place !== root) return { check, level: 'ok', message: `${root} will be made in ${place}` }
    const { mode, uid } = statSync(root)
    const own = process.getuid?.() ?? uid
    if ((mode & 0o022) !== 0) {
      return { check, level: 'warn', message: `others may write in ${root}: chmod go-w ${root}` }
    }
    if (uid !== own && uid !== 0) {
      return { check, level: 'warn', message: `${root} belongs to the user ${uid}: that one can change every build` }
    }
    return { check, level: 'ok', message: root }
  }
}

function damaged({ state }: StorePaths): Finding {
  const message = `${state} is damaged: the next start keeps it aside and goes by what the builds prove`
  return { check: 'state', level: 'warn', message }
}

async function checkCommitted(paths: StorePaths, { committed, quarantine, paused }: Ledger): Promise<Finding[]> {
  const findings: Finding[] = []
  if (committed) {
    const damage = await checkSeal(paths, committed.id, { full: false }).then(damageOf, messageOf)
    if (damage === null)
      findings.push({ check: 'build', level: 'ok', message: `${nameOf(committed)} is committed and whole` })
    else {
      const message = `${nameOf(committed)}, which is committed, is not as it was sealed (${damage}): \`autoup upgrade\` stages it anew`
      findings.push({ check: 'build', level: 'warn', message })
    }
  }
  if (paused) findings.push({ check: 'paused', level: 'warn', message: 'nothing is promoted until `autoup resume`' })
  for (const { build, version, reason } of quarantine) {
    const message = `${nameOf({ id: build, version })} is held back: ${reason}`
    findings.push({ check: 'quarantine', level: 'warn', message })
  }
  return findings
}

function running({ pid }: Status): Finding {
  return { check: 'master', level: 'ok', message: `runs as pid ${pid}` }
}

/** Nothing runs here: what is there all the same. */
function checkLeftovers(paths: StorePaths): Finding[] {
  const findings: Finding[] = [{ check: 'master', level: 'ok', message: 'does not run' }]
  const left = leftBehind([paths.root])
  if (left !== null) findings.push({ check: 'leftovers', level: 'warn', message: left })
  const stale = [paths.socket, paths.pid].filter((path) => existsSync(path))
  const downloads = existsSync(paths.tmp) ? readdirSync(paths.tmp).length : 0
  if (stale.length > 0 || downloads > 0) {
    const what = [...stale, ...(downloads > 0 ? [`${downloads} in ${paths.tmp}`] : [])].join(', ')
    findings.push({ check: 'leftovers', level: 'ok', message: `${what} is swept at the next start` })
  }
  return findings
}
