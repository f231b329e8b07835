/**
 * The master's side of a stager: starts the child, gives it its order, hands on what it reports, and cleans up after
 * it. Whatever happens to the child there is exactly one verdict, unless the job was stopped. What it was staging is
 * removed again when it is not reported as staged; after that it belongs to whoever got the report (finishStaging).
 */

import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { formatDuration } from '../../core/duration.ts'
import { messageOf } from '../../core/errors.ts'
import { printableLine } from '../../core/shown.ts'
import { shownSource } from '../../core/source.ts'
import { createFolders } from '../../store/layout.ts'
import { keepPartial, PARTIAL_PREFIX } from '../../store/partial-file.ts'
import { afterAwake } from '../../system/awake.ts'
import { killSession } from '../../system/kill-session.ts'
import { readStat } from '../../system/procfs.ts'
import { removeTree } from '../../system/tree.ts'
import { TRUST_LIMITS } from '../../trust/limits.ts'
import { newReportGate } from './report-gate.ts'
import {
  isVerdict,
  parseReport,
  type StageJob,
  type StageProgress,
  type StageVerdict,
  scratchOf,
} from './stage-protocol.ts'
import { converse, exitOf, listenTo, startStager } from './stager-process.ts'

export interface StageCallbacks {
  onProgress(progress: StageProgress): void
  /** Once, after the child has ended. */
  onVerdict(verdict: StageVerdict): void
}

export interface Staging {
  /** Null when it could not be started. */
  readonly pid: number | null
  /** Ends the child; there is no verdict then. */
  stop(): void
  /** The child is gone and nothing of it is left. Never rejects. */
  readonly done: Promise<void>
}

/** Between its end and that of its pipes. */
const CLOSE_GRACE_MS = 2_000

export function stage(
  job: StageJob,
  callbacks: StageCallbacks,
  options: { readonly deadlineMs?: number; readonly program?: string } = {},
): Staging {
  const directory = join(job.store.tmp, `stage-${randomUUID()}`)
  let child: ChildProcess
  try {
    createFolders(job.store)
    child = startStager(job, directory, options.program)
  } catch (error) {
    return notStarted(error, callbacks)
  }
  // Not reaped before this turn ends.
  const startTicks = child.pid === undefined ? 0 : (readStat(child.pid)?.startTicks ?? 0)
  const deadlineMs = options.deadlineMs ?? TRUST_LIMITS.stagerMs
  let verdict: StageVerdict | null = null
  let isStopped = false
  let isGone = false
  const kill = () => {
    if (!isGone) killAll(child, startTicks)
  }
  const end = (why: string) => {
    verdict ??= { type: 'error', message: why }
    kill()
  }
  const deadline = afterAwake(deadlineMs, () =>
    end(`the stager was ended after ${formatDuration(deadlineMs)}: the release took too long`),
  )
  const lastWords = listenTo(child, () => end('the stager wrote to its stderr without end, and was ended'))
  const gate = newReportGate()
  converse(child, { ...job, directory }, (line) => {
    if (verdict !== null) return
    const report = parseReport(line, directory)
    if (report === null) return end('the stager said something that is no report, and was ended')
    if (isVerdict(report)) {
      verdict = report
      return
    }
    const passage = gate(report)
    if (passage === 'too-many') return end('the stager went on and on reporting, and was ended')
    if (passage !== 'withheld' && !isStopped) callbacks.onProgress(passage.report)
  })
  // What it has started ends with it; the number of the session cannot have been given away yet.
  child.once('exit', () => {
    kill()
    isGone = true
    // Should anybody have got away all the same: nobody waits for what he holds.
    setTimeout(() => closePipes(child), CLOSE_GRACE_MS).unref()
  })
  const done = exitOf(child).then(async (how) => {
    deadline.stop()
    const last = verdict ?? {
      type: 'error',
      message: `the stager for ${shownSource(job.source)} ${how} before it came to a verdict${lastWords()}; it is tried again`,
    }
    const isKept = !isStopped && last.type === 'staged' && last.directory !== null
    await removeTree(scratchOf(directory)).catch(() => undefined)
    if (!isKept) await rescuePartial(directory, job.store.tmp).catch(() => undefined)
    if (!isKept) await removeTree(directory).catch(() => undefined)
    if (!isStopped) callbacks.onVerdict(last)
  })
  return {
    pid: child.pid ?? null,
    stop() {
      isStopped = true
      kill()
    },
    done,
  }
}

/** Descriptors or memory ran out before there was a child. The verdict comes later all the same, as from one. */
function notStarted(error: unknown, { onVerdict }: StageCallbacks): Staging {
  let isStopped = false
  const message = `the stager could not be started (${printableLine(messageOf(error))}); it is tried again`
  const done = Promise.resolve().then(() => {
    if (!isStopped) onVerdict({ type: 'error', message })
  })
  return {
    pid: null,
    stop() {
      isStopped = true
    },
    done,
  }
}

/** What a stager that was killed had downloaded. */
async function rescuePartial(directory: string, tmp: string): Promise<void> {
  const name = (await readdir(directory)).find((each) => each.startsWith(PARTIAL_PREFIX))
  if (name !== undefined) await keepPartial(join(directory, name), tmp)
}

/** SIGKILL to it and to all it has started: none of these can leave its session (seccomp.ts). */
function killAll({ pid }: ChildProcess, startTicks: number): void {
  if (pid !== undefined) killSession(pid, startTicks)
}

function closePipes({ stdio }: ChildProcess): void {
  for (const pipe of stdio) pipe?.destroy()
}
