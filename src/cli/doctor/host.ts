/** What the machine offers: Node, the kernel, libc, the disk. */

import { readFileSync, type StatsFs, statfsSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { formatSize } from '../../core/duration.ts'
import { messageOf } from '../../core/errors.ts'
import type { Finding } from '../../core/finding.ts'
import type { Settings } from '../../core/settings.ts'
import { readsAllFor } from '../../runtime/stager/reads-all.ts'
import { LANDLOCK_ABI_NEEDED, landlockAbi } from '../../system/landlock.ts'
import { selfTest } from '../../system/libc/self-test.ts'
import { hasFilter } from '../../system/seccomp.ts'
import { knowsStrangers } from '../../system/stranger.ts'

/** engines of package.json. */
const NODE_LEAST = [20, 18, 1] as const
/** A build and the one before it should fit. */
const SCARCE_BYTES = 512 * 1024 * 1024
const FULL_BYTES = 32 * 1024 * 1024
/** Of Yama: 1 and above let no process reach into one that is not its child. */
const YAMA = '/proc/sys/kernel/yama/ptrace_scope'

export function checkHost({ source, stateDir, name }: Settings): Finding[] {
  return [
    checkNode(),
    checkLibc(),
    ...(source === null ? [] : [checkLandlock(), checkSeccomp(), checkStager(source, join(stateDir, name))]),
    checkYama(),
    checkDisk(stateDir),
  ]
}

function checkNode(): Finding {
  const parts = process.versions.node.split('.').map(Number)
  const least = NODE_LEAST.join('.')
  const isOld = NODE_LEAST.some(
    (part, index) =>
      (parts[index] ?? 0) < part && NODE_LEAST.slice(0, index).every((before, each) => parts[each] === before),
  )
  if (isOld)
    return { check: 'node', level: 'fail', message: `${process.version} is too old: install ${least} or newer` }
  return { check: 'node', level: 'ok', message: `${process.version}; ${least} or newer is needed` }
}

function checkLibc(): Finding {
  try {
    selfTest()
    return { check: 'libc', level: 'ok', message: 'can be called' }
  } catch (error) {
    return { check: 'libc', level: 'fail', message: messageOf(error) }
  }
}

function checkLandlock(): Finding {
  const abi = landlockAbi()
  if (abi >= LANDLOCK_ABI_NEEDED) return { check: 'landlock', level: 'ok', message: `ABI ${abi}` }
  const advice = 'use Linux 5.19 or later with landlock among its lsm='
  return {
    check: 'landlock',
    level: 'warn',
    message: `what unpacks a download is not kept inside of the store: ${advice}`,
  }
}

/** A field of proc_pid_status(5) that only a kernel with CONFIG_SECCOMP_FILTER shows. */
function checkSeccomp(): Finding {
  const isThere = /^Seccomp_filters:/m.test(read('/proc/self/status'))
  if (isThere && hasFilter()) return { check: 'seccomp', level: 'ok', message: 'is there' }
  const advice = isThere
    ? `there is no filter for ${process.arch}`
    : 'use a kernel with CONFIG_SECCOMP_FILTER (Linux 5.9)'
  const message = `what unpacks a download can leave its session, and signal what is of its user: ${advice}`
  return { check: 'seccomp', level: 'warn', message }
}

/** Whose files it may read: that is no fault, and worth knowing. */
function checkStager(source: string, home: string): Finding {
  const check = 'stager'
  const ok = (message: string): Finding => ({ check, level: 'ok', message: `what unpacks a download ${message}` })
  if (process.getuid?.() !== 0) return ok('reads what this user may read')
  if (!knowsStrangers()) return ok('is root, who may not be another user here, and reads everything')
  const closed = readsAllFor(source, home)
  if (closed === null) return ok('is a user of its own, and reads what everybody may read')
  const why = isAbsolute(closed) ? `${closed} is closed to others` : 'the source is on this machine'
  return ok(`is a user of its own, and reads all that root may read, since ${why}`)
}

function checkYama(): Finding {
  const isRoot = process.getuid?.() === 0
  if (isRoot || Number(read(YAMA) || 0) === 0) {
    return {
      check: 'take-back',
      level: 'ok',
      message: 'a new master can take back the sockets that a killed one has left',
    }
  }
  const advice = 'run it as root with --user, under a systemd socket unit, or set kernel.yama.ptrace_scope to 0'
  const message = `after a kill -9 of the master its workers are drained before it listens again: ${advice}`
  return { check: 'take-back', level: 'warn', message }
}

function checkDisk(stateDir: string): Finding {
  const [place, { bavail, bsize, ffree, files }] = roomOf(stateDir)
  const free = bavail * bsize
  const left = `${formatSize(free)} left at ${place}`
  if (free < FULL_BYTES) return { check: 'disk', level: 'fail', message: `only ${left}: free some space` }
  if (files > 0 && ffree === 0)
    return { check: 'disk', level: 'fail', message: `no inode is left at ${place}: remove files` }
  if (free < SCARCE_BYTES) return { check: 'disk', level: 'warn', message: `only ${left}: free some space` }
  return { check: 'disk', level: 'ok', message: left }
}

/** Of the directory, or where it would be made. */
function roomOf(directory: string): [place: string, room: StatsFs] {
  for (let place = directory; ; place = dirname(place)) {
    try {
      return [place, statfsSync(place)]
    } catch (error) {
      if (place === dirname(place)) throw error
    }
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
