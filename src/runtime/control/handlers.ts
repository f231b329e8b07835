/** What the control socket can ask of a running master, joined to the loop. */

import { messageOf, unreachable } from '../../core/errors.ts'
import type { ReleaseRow, Status } from '../../core/status.ts'
import { checkSeal, damageOf } from '../../store/check-seal.ts'
import type { StorePaths } from '../../store/layout.ts'
import type { EventLog } from '../event-log.ts'
import type { History } from '../history.ts'
import type { Live } from '../live.ts'
import type { Looks } from '../looks.ts'
import type { Loop } from '../loop.ts'
import { processMeasures } from '../measures.ts'
import type { Presenters } from '../page/presenters.ts'
import type { Reload } from '../reload.ts'
import type { StagerJobs } from '../stager/jobs.ts'
import { listReleases } from './releases.ts'
import type { Requests } from './requests.ts'
import type { ControlHandlers, ControlOptions, ControlReply, ControlVerb } from './server.ts'
import { toStatus } from './to-status.ts'

/** To be said after `stopping`, and `stopped`. */
const SUPERVISED = '; systemd starts it again where its unit says so (`Restart=`): `systemctl stop` ends it for good'

export interface ControlContext {
  readonly loop: Loop
  readonly log: EventLog
  readonly requests: Requests
  readonly jobs: StagerJobs
  readonly looks: Looks
  readonly paths: StorePaths
  /** ISO 8601. */
  readonly startedAt: string
  readonly live: Readonly<Live>
  readonly reload: Reload
  readonly history: History
  readonly presenters: Presenters
}

export function controlHandlers(context: ControlContext): ControlHandlers {
  const { loop, log, paths, live, startedAt, history, presenters, jobs } = context
  const status = (): Status => {
    const { settings, listeners } = live
    return toStatus(loop.state, { name: settings.name, startedAt, listeners, budget: jobs.budget })
  }
  return {
    status,
    metrics: async () => {
      const { contentType, text } = await presenters.metrics()
      return {
        contentType,
        text: text({ status: status(), tally: history.tally, master: processMeasures(startedAt) }),
      }
    },
    releases: (): Promise<readonly ReleaseRow[]> => listReleases(paths, loop.state.ledger, loop.state.policy.launch),
    events: (since, listener) => log.subscribe(since, listener),
    request: (verb, options) => request(verb, options, context),
  }
}

async function request(verb: ControlVerb, options: ControlOptions, context: ControlContext): Promise<ControlReply> {
  const { loop, requests, looks } = context
  const { wait, now } = options
  switch (verb) {
    case 'upgrade':
      return await upgrade(options, context)
    case 'restart':
      return await requests.ask('restart', wait, () => loop.send({ type: 'restart' }))
    case 'rollback':
      return await rollback(wait, context)
    case 'check':
      return await looks.look(loop.state)
    case 'stage':
      return await looks.stage(loop.state)
    case 'pause':
      loop.send({ type: 'pause' })
      return done('paused', 'promotions are paused; releases are still staged, and `autoup upgrade` still promotes')
    case 'resume':
      loop.send({ type: 'resume' })
      return done('resumed', 'promotions are resumed')
    case 'reload':
      return await context.reload.reload()
    case 'stop':
      // The answer must be out before the socket goes.
      setImmediate(() => loop.send({ type: 'stop', reason: 'autoup stop', isUrgent: now, status: 0 }))
      return done('accepted', `stopping${process.env.NOTIFY_SOCKET ? SUPERVISED : ''}`)
    default:
      return unreachable(verb)
  }
}

/**
 * Asked for during a check or a promotion, it is owed one more check: what ends before that begins says nothing of what
 * was published since.
 */
async function upgrade(
  { wait, again, resetTrust }: ControlOptions,
  { loop, requests }: ControlContext,
): Promise<ControlReply> {
  const isOwed = (): boolean => loop.state.stop === null && (loop.state.pipeline?.poke ?? null) !== null
  let isLate = false
  let reply = await requests.ask('upgrade', wait, () => {
    loop.send({ type: 'upgrade', again, resetTrust })
    isLate = wait && isOwed()
  })
  while (isLate && isOwed()) reply = await requests.ask('upgrade', true, () => undefined)
  return reply
}

/** Before the build that is gone back to runs again, every byte of it is read. */
async function rollback(wait: boolean, { loop, requests, paths }: ControlContext): Promise<ControlReply> {
  for (let read: string | null = null; ; ) {
    const { promotion, ledger } = loop.state
    const { previous } = ledger
    // While it was read, a commit may have made another one the previous one.
    if (!previous || promotion || previous.id === read) break
    const problem = await sealProblem(paths, previous.id)
    if (problem)
      return {
        outcome: 'failed',
        message: `cannot roll back to ${previous.version}: ${problem}`,
        version: previous.version,
        exit: 1,
      }
    read = previous.id
  }
  return await requests.ask('rollback', wait, () => loop.send({ type: 'rollback' }))
}

async function sealProblem(paths: StorePaths, build: string): Promise<string | null> {
  try {
    const check = await checkSeal(paths, build, { full: true })
    const damage = damageOf(check)
    return damage === null ? null : `its files are not as they were sealed (${damage})`
  } catch (error) {
    return messageOf(error)
  }
}

function done(outcome: ControlReply['outcome'], message: string): ControlReply {
  return { outcome, message, version: null, exit: 0 }
}
