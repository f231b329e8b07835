/**
 * The stager as a process: what it is started with, how it is spoken with, what it leaves of its stderr, how it ended.
 * Nothing is decided here; whoever started it owns it (staging.ts).
 */

import type { ChildProcess } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { NPM_SETTINGS } from '../../../fetchers/npm/environment.ts'
import { messageOf } from '../../core/errors.ts'
import { printableLine } from '../../core/shown.ts'
import { selfAs } from '../../system/self.ts'
import { startProcess } from '../../system/spawn.ts'
import { TRUST_LIMITS } from '../../trust/limits.ts'
import { masterMark } from '../master-mark.ts'
import type { StagerUser } from './confined.ts'
import { lend } from './lend.ts'
import { readsAllFor } from './reads-all.ts'
import { OF_SOURCES } from './source-environment.ts'
import { type StageJob, type StagerOrder, scratchOf } from './stage-protocol.ts'

/** What any program may need; besides this and what says how a source is reached, nothing reaches the stager. */
const ORDINARY = /^(?:PATH|HOME|LANG|LC_\w+|TZ)$/i

/** Of its last line, this much is told. */
const LAST_WORDS = 300

/**
 * Directly, since the child needs a socket pair as its descriptor 3, and Node makes one of 'pipe'. Its own session, so
 * that a signal reaches all it has started; no descriptor of the master's, whose stderr may be a terminal or a log.
 */
export function startStager({ source, store }: StageJob, directory: string, program: string | undefined): ChildProcess {
  const words = [store.tmp, userFor(source, store)]
  const self = selfAs('confined', program === undefined ? words : [...words, program])
  const env: NodeJS.ProcessEnv = { ...self.env, AUTOUP_STATE: store.root, ...masterMark() }
  for (const [name, value] of Object.entries(process.env)) {
    if ([ORDINARY, OF_SOURCES, NPM_SETTINGS].some((kind) => kind.test(name))) env[name] = value
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

function userFor(source: string, { tmp, root }: StagerOrder['store']): StagerUser {
  if (!lend(tmp)) return 'own'
  return readsAllFor(source, root) === null ? 'stranger' : 'reader'
}

/** The end of what it writes to stderr, as a part of a sentence; read for its whole life, so that it never blocks. */
export function listenTo({ stderr }: ChildProcess, onTooMuch: () => void): () => string {
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
    return line === null ? '' : ` (${printableLine(line, LAST_WORDS)})`
  }
}

/** Of a stack the sentence, of a crash of V8 its reason, else the last line. */
function lineOf(text: string): string | null {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines.find((line) => /^(?:\w*Error|FATAL ERROR)\b/.test(line)) ?? lines.at(-1) ?? null
}

/** Gives it its order and hands on each line that it says; '' for one that is too long. */
export function converse(child: ChildProcess, order: StagerOrder, onLine: (line: string) => void): void {
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

/** How it ended, as a part of a sentence; when all it has said is read. */
export function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      if (child.pid === undefined) resolve(`could not be started (${printableLine(messageOf(error))}) and ended`)
    })
    child.once('close', (code, signal) =>
      resolve(signal === null ? `ended with status ${code}` : `was killed by ${signal}`),
    )
  })
}
