/**
 * The master's side of a stager: starts the child, gives it its order, hands on what it reports, and cleans up after
 * it. Whatever happens to the child there is exactly one verdict, unless the job was stopped. What it was staging is
 * removed again when it is not reported as staged; after that it belongs to whoever got the report (finishStaging).
 */

import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { NPM_SETTINGS } from '../../fetchers/npm/environment.ts'
import { formatDuration } from '../core/duration.ts'
import { messageOf } from '../core/errors.ts'
import { createFolders } from '../store/layout.ts'
import { keepPartial, PARTIAL_PREFIX } from '../store/partial-file.ts'
import { killSession } from '../system/kill-session.ts'
import { readStat } from '../system/procfs.ts'
import { selfAs } from '../system/self.ts'
import { startProcess } from '../system/spawn.ts'
import { removeTree } from '../system/tree.ts'
import { TRUST_LIMITS } from '../trust/limits.ts'
import { lendTo } from './lend.ts'
import { masterMark } from './master-mark.ts'
import { readsAllFor } from './reads-all.ts'
import { newReportGate } from './report-gate.ts'
import {
  isVerdict,
  parseReport,
  plainText,
  type StageJob,
  type StageProgress,
  type StagerOrder,
  type StageVerdict,
  scratchOf,
} from './stage-protocol.ts'

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

/** What a download may need to find its way; nothing else of the master's environment reaches the stager. */
const ENVIRONMENT =
  /^(?:PATH|HOME|LANG|LC_\w+|TZ|(?:HTTPS?|ALL|NO)_PROXY|NODE_EXTRA_CA_CERTS|SSL_CERT_(?:FILE|DIR)|GITHUB_API_URL)$/i

/** Of its last line, this much is told. */
const LAST_WORDS = 300

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
    child = startChild(job, directory, options.program)
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
  const deadline = setTimeout(
    () => end(`the stager was ended after ${formatDuration(deadlineMs)}: the release took too long`),
    deadlineMs,
  )
  const lastWords = listen(child, () => end('the stager wrote to its stderr without end, and was ended'))
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
    clearTimeout(deadline)
    const last = verdict ?? {
      type: 'error',
      message: `the stager ${how} before it came to a verdict${lastWords()}; it is tried again`,
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
  const message = `the stager could not be started (${plainText(messageOf(error))}); it is tried again`
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

/**
 * Directly, since the child needs a socket pair as its descriptor 3, and Node makes one of 'pipe'. Its own session, so
 * that a signal reaches all it has started; no descriptor of the master's, whose stderr may be a terminal or a log.
 */
function startChild({ source, store }: StageJob, directory: string, program: string | undefined): ChildProcess {
  const user = lendTo(store.tmp)
  const eyes = user !== null && readsAllFor(source, store.root) !== null ? '+' : ''
  const words = [store.tmp, `${user ?? '-'}${eyes}`]
  const self = selfAs('confined', program === undefined ? words : [...words, program])
  const env: NodeJS.ProcessEnv = { ...self.env, AUTOUP_STATE: store.root, ...masterMark() }
  for (const [name, value] of Object.entries(process.env)) {
    if (ENVIRONMENT.test(name) || NPM_SETTINGS.test(name)) env[name] = value
  }
  // The only place for it that can be written to.
  env.TMPDIR = scratchOf(directory)
  // The only way to say it to a single executable, which takes no options of Node.
  env.NODE_OPTIONS = `--max-old-space-size=${TRUST_LIMITS.stagerHeapMiB}`
  const [own, ...args] = self.argv
  return startProcess(own, args, {
    env,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    detached: true,
  })
}

/** The end of what it writes to stderr, as a part of a sentence; read for its whole life, so that it never blocks. */
function listen({ stderr }: ChildProcess, onTooMuch: () => void): () => string {
  let text = ''
  let length = 0
  stderr?.setEncoding('utf8')
  stderr?.on('data', (piece: string) => {
    text = (text + piece).slice(-TRUST_LIMITS.stderrBytes)
    length += piece.length
    if (length > TRUST_LIMITS.stderrTotalBytes) onTooMuch()
  })
  stderr?.on('error', () => undefined)
  return () => {
    const line = lineOf(text)
    return line === null ? '' : ` (${plainText(line).slice(0, LAST_WORDS)})`
  }
}

/** Of a stack the sentence, of a crash of V8 its reason, else the last line. */
function lineOf(text: string): string | null {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines.find((line) => /^(?:\w*Error|FATAL ERROR)\b/.test(line)) ?? lines.at(-1) ?? null
}

function converse(child: ChildProcess, order: StagerOrder, onLine: (line: string) => void): void {
  // A child that could not be started has none, and under EMFILE no `stdio` either; its error says why.
  const wire = (child.stdio as ChildProcess['stdio'] | undefined)?.[3] as Duplex | undefined
  if (!wire) return
  let rest = ''
  wire.setEncoding('utf8')
  wire.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() as string
    for (const line of lines) onLine(line)
    if (rest.length > TRUST_LIMITS.lineBytes) {
      rest = ''
      onLine('')
    }
  })
  // EPIPE of a child that is gone: its exit says more.
  wire.on('error', () => undefined)
  wire.write(`${JSON.stringify(order)}\n`)
}

/** What a stager that was killed had downloaded. */
async function rescuePartial(directory: string, tmp: string): Promise<void> {
  const name = (await readdir(directory)).find((each) => each.startsWith(PARTIAL_PREFIX))
  if (name !== undefined) await keepPartial(join(directory, name), tmp)
}

/** How it ended, as a part of a sentence; when all it has said is read. */
function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      if (child.pid === undefined) resolve(`could not be started (${plainText(messageOf(error))}) and ended`)
    })
    child.once('close', (code, signal) =>
      resolve(signal === null ? `ended with status ${code}` : `was killed by ${signal}`),
    )
  })
}

/** SIGKILL to it and to all it has started: none of these can leave its session (seccomp.ts). */
function killAll({ pid }: ChildProcess, startTicks: number): void {
  if (pid !== undefined) killSession(pid, startTicks)
}

function closePipes({ stdio }: ChildProcess): void {
  for (const pipe of stdio) pipe?.destroy()
}
