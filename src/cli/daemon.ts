/**
 * The master that `autoup start` has started: the same words a second time, in a session of its own, with the log as
 * its output and a channel to the one who waits. Apart from the log and the verdict it is `autoup run`.
 */

import { closeSync, writeSync } from 'node:fs'
import { AutoupError, messageOf } from '../core/errors.ts'
import type { Stamped } from '../core/events.ts'
import { type StartVerdict, type StartWord, startWatch } from '../core/start-verdict.ts'
import { isLongLog, reopenLog, rotateLog } from '../system/log-file.ts'
import { lookUpUser } from '../system/user.ts'
import { has, type Input } from './command.ts'
import { DAEMON_VARIABLE } from './daemon-options.ts'
import type { Io } from './io.ts'
import { loadSettings } from './load-settings.ts'
import { type LogPlace, logPlace, umaskGiven } from './log-place.ts'
import { serve } from './run.ts'

/** A look costs one fstat(2). */
const LOOK_EVERY_MS = 1_000
/** The first of each, to the one who waits: from then on the control socket tells the rest. */
const TOLD: ReadonlySet<Stamped['type']> = new Set(['check-started', 'release-found'])
/** After a rotation that failed, for want of space above all. */
const RETRY_MS = 60_000

export async function serveAsDaemon(input: Input, io: Io): Promise<number> {
  const channel = Number(process.env[DAEMON_VARIABLE])
  delete process.env[DAEMON_VARIABLE]
  let isTold = false
  const told = new Set<Stamped['type']>()
  const say = (word: StartWord): void => {
    try {
      // A few, and short: they fit into the buffer of a pipe, so this never waits for a reader.
      writeSync(channel, `${JSON.stringify(word)}\n`)
    } catch {
      // Nobody waits any more.
    }
  }
  const tell = (verdict: StartVerdict): void => {
    if (isTold) return
    isTold = true
    say(verdict)
    closeSync(channel)
  }
  const tellOf = (event: Stamped): void => {
    if (isTold || told.has(event.type) || !TOLD.has(event.type)) return
    told.add(event.type)
    say({ type: 'event', event })
  }
  try {
    const loaded = await loadSettings(input, io)
    const { settings } = loaded
    process.umask(umaskGiven(loaded))
    let rules = logPlace(loaded, settings)
    // By an event as well as in the log, which may be the very thing that nobody can read.
    let warn = (message: string): void => void io.stderr.write(`autoup: ${message}\n`)
    const stopTending = tendLog(
      rules.path,
      () => rules,
      settings.user,
      (message) => warn(message),
    )
    const judge = startWatch({
      instances: settings.instances,
      hasProof: settings.ready.kind !== 'auto' || settings.listen.length > 0,
      isPatient: has(input, 'no-wait'),
    })
    try {
      return await serve(input, io, {
        watch(event) {
          tellOf(event)
          const verdict = isTold ? null : judge(event)
          if (verdict) tell(verdict)
        },
        connect(byEvent) {
          warn = byEvent
        },
        reloaded(next) {
          rules = logPlace(next, next.settings)
        },
      })
    } finally {
      stopTending()
    }
  } catch (error) {
    const code = error instanceof AutoupError ? error.code : 'failed'
    tell({ type: 'failed', code, message: messageOf(error), isServed: false })
    throw error
  }
}

/** Rotates it by size, and opens it anew at SIGUSR1, which src/runtime/signals.ts leaves to this. */
function tendLog(
  path: string,
  rules: () => LogPlace,
  user: string | null,
  tell: (message: string) => void,
): () => void {
  const owner = user === null ? null : lookUpUser(user)
  let restUntil = 0
  let isRotating = false
  const warn = (what: string, error: unknown): void => tell(`the log could not be ${what}: ${messageOf(error)}`)
  const look = async (): Promise<void> => {
    const { bytes, keep } = rules()
    if (isRotating || performance.now() < restUntil || !isLongLog(path, bytes)) return
    isRotating = true
    try {
      await rotateLog(path, keep, bytes)
    } catch (error) {
      restUntil = performance.now() + RETRY_MS
      warn('rotated', error)
    } finally {
      isRotating = false
    }
  }
  const reopen = (): void => {
    try {
      reopenLog(path, owner)
    } catch (error) {
      warn('opened anew', error)
    }
  }
  const timer = setInterval(look, LOOK_EVERY_MS)
  process.on('SIGUSR1', reopen)
  return () => {
    clearInterval(timer)
    process.off('SIGUSR1', reopen)
  }
}
