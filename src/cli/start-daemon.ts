/**
 * The one who types `autoup start`. The master is started in a session of its own (setsid(2)), away from the terminal,
 * and writes to its log; this process waits until the app is ready, or says why it is not, and tells meanwhile that the
 * first build is fetched. A start that failed leaves no master behind, unless workers that a killed one had left serve
 * on under it.
 */

import { once } from 'node:events'
import { closeSync, fstatSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { AutoupError } from '../core/errors.ts'
import type { Stamped } from '../core/events.ts'
import type { Settings } from '../core/settings.ts'
import { shownSource } from '../core/source.ts'
import type { StartVerdict, StartWord } from '../core/start-verdict.ts'
import { createFolder, storePaths } from '../store/layout.ts'
import { linkAtomically } from '../system/atomic.ts'
import { openLog } from '../system/log-file.ts'
import { ownExecutable } from '../system/self.ts'
import { startProcess } from '../system/spawn.ts'
import { lookUpUser } from '../system/user.ts'
import type { Input } from './command.ts'
import { statusOf } from './control-client.ts'
import { DAEMON_VARIABLE } from './daemon-options.ts'
import { configPath } from './find-service.ts'
import type { Io } from './io.ts'
import { loadSettings } from './load-settings.ts'
import { lastWords } from './log-lines.ts'
import { logPlace, umaskGiven } from './log-place.ts'
import { endOf } from './master-end.ts'
import { atOnce } from './outcome.ts'
import { showEvents } from './show-events.ts'
import { ENDING_SIGNALS } from './told-to-end.ts'
import { NO_WAIT, TIMEOUT, timeoutOf } from './waiting.ts'
import { CONFIG, STATE_DIR, serviceGiven, withoutContract } from './where.ts'

/** The descriptor of the channel, in the daemon. */
const CHANNEL = 3

/** What may be said without a name, and is about every app; anything else is about one. */
const FOR_ALL: readonly string[] = [CONFIG.flag, STATE_DIR.flag, NO_WAIT.flag, TIMEOUT.flag]

/** Answers the exit status; throws AutoupError with what became of it. */
export async function startDaemons(input: Input, io: Io): Promise<number> {
  const names = await allApps(input, io)
  if (names === null) return await startDaemon(input, io, process.argv.slice(1), true)
  const [program = '', start = '', ...words] = process.argv.slice(1)
  return await atOnce(names, io, (name) => startDaemon({ ...input, name }, io, [program, start, name, ...words]))
}

/** Of the configuration, when none of them is meant above the others. */
async function allApps(input: Input, io: Io): Promise<readonly string[] | null> {
  const path = configPath(input, io)
  const isForAll = [...input.options.keys()].every((flag) => FOR_ALL.includes(flag)) && input.command.length === 0
  if (path === null || !isForAll || serviceGiven(input, io) !== undefined) return null
  const { readConfig } = await import('./config-file.ts')
  const { apps } = readConfig(path)
  return apps.length === 1 ? null : apps.flatMap(({ key }) => key ?? [])
}

/** `words` are those of the daemon, without the interpreter. Of several at once nobody could tell the events apart. */
async function startDaemon(input: Input, io: Io, words: readonly string[], isAlone = false): Promise<number> {
  const timeoutMs = timeoutOf(input)
  const loaded = await loadSettings(input, io)
  const { settings } = loaded
  umaskGiven(loaded)
  const master = { name: settings.name, directory: storePaths(settings.stateDir, settings.name).root }
  const running = await statusOf(master)
  if (running?.state === 'stopping') {
    io.stderr.write(`${settings.name} is stopping, pid ${running.pid}: it is started when that has ended\n`)
    await endOf(running)(performance.now() + (timeoutMs ?? Number.POSITIVE_INFINITY))
  } else if (running !== null) {
    const source = settings.source === null ? null : shownSource(settings.source)
    const what = running.source === source ? '' : `, from ${running.source ?? 'a command'}`
    const stays = what === '' ? '' : ', and goes on with that; stop it first, or give another --name'
    io.stderr.write(`${settings.name} is running, pid ${running.pid}${what}${stays}\n`)
    return 0
  }
  const log = prepareLog(settings, logPlace(loaded, settings).path)
  const daemon = launch(log.fd, words)
  closeSync(log.fd)
  let shown: Promise<unknown> | null = null
  const judged = daemon.verdict(timeoutMs, (event) => {
    if (isAlone && io.stderr.isTTY) shown ??= showEvents(master, io, () => judged, event.sequence - 1)
    else if (event.type === 'release-found')
      io.stderr.write(`${settings.name} fetches ${event.version}: ${event.name}\n`)
  })
  const verdict = await judged
  await shown
  if (verdict.type === 'started') {
    const how = verdict.isProven ? 'is ready' : 'is started'
    io.stderr.write(`${settings.name} ${how}, pid ${daemon.pid}; log: ${log.path}\n`)
    return 0
  }
  if (!verdict.isServed) await daemon.end()
  for (const line of lastWords(log.path, log.offset, verdict.message)) io.stderr.write(`${line}\n`)
  // A mistake in the words does not mend itself, nor does another master go away.
  const isHopeless = settings.source === null || verdict.code === 'usage' || verdict.code === 'locked'
  const advice = isHopeless ? '' : '; with --no-wait the master stays and goes on checking'
  const left = verdict.isServed
    ? `the workers that a killed master had left serve on, and the master, pid ${daemon.pid}, goes on trying`
    : `nothing was left running${advice}`
  throw new AutoupError(verdict.code, `${settings.name} did not start: ${verdict.message}; ${left}`)
}

/** `offset`: where in the file this start begins. */
function prepareLog(
  { stateDir, name, user }: Settings,
  path: string,
): { readonly path: string; readonly fd: number; readonly offset: number } {
  const paths = storePaths(stateDir, name)
  createFolder(paths.root, 0o755)
  const fd = openLog(path, user === null ? null : lookUpUser(user))
  linkAtomically(dirname(path) === paths.root ? basename(path) : path, paths.log)
  return { path, fd, offset: fstatSync(fd).size }
}

interface Daemon {
  readonly pid: number
  /** Also when it ends without one, or this process is told to end; then it has the status of its end. */
  verdict(timeoutMs: number | null, onEvent: (event: Stamped) => void): Promise<StartVerdict>
  /** Resolves when it has ended. */
  end(): Promise<void>
}

function launch(log: number, words: readonly string[]): Daemon {
  const [program = '', ...args] = [...process.execArgv, ...words]
  const child = startProcess(ownExecutable(), [program, ...args], {
    env: { ...withoutContract(process.env), [DAEMON_VARIABLE]: String(CHANNEL) },
    stdio: ['ignore', log, log, 'pipe'],
    detached: true,
  })
  const { pid } = child
  if (pid === undefined)
    throw new AutoupError('failed', 'the daemon could not be started: this machine has no room for a process')
  const exited = once(child, 'exit') as Promise<[code: number | null, signal: string | null]>
  const channel = child.stdio[CHANNEL] as Readable
  const ended = async (): Promise<StartVerdict> => {
    const [code, signal] = await exited
    return failed(signal === null ? `the master ended with ${code}` : `the master was killed by ${signal}`)
  }
  return {
    pid,
    async verdict(timeoutMs, onEvent) {
      const stopping = new AbortController()
      const over = Promise.race([
        ...ENDING_SIGNALS.map((signal) => cameSignal(signal, stopping.signal)),
        ...(timeoutMs === null ? [] : [lateness(timeoutMs, stopping.signal)]),
      ])
      try {
        return await Promise.race([over, verdictFrom(channel, onEvent).then((verdict) => verdict ?? ended())])
      } finally {
        stopping.abort()
        channel.destroy()
        child.unref()
      }
    },
    async end() {
      child.ref()
      child.kill('SIGQUIT')
      await exited
    },
  }
}

/** What the daemon says until its verdict; null: it has closed the channel without one. */
async function verdictFrom(channel: Readable, onEvent: (event: Stamped) => void): Promise<StartVerdict | null> {
  try {
    for await (const line of createInterface({ input: channel })) {
      const word = JSON.parse(line) as StartWord
      if (word.type !== 'event') return word
      onEvent(word.event)
    }
  } catch {
    // A reset is an end.
  }
  return null
}

function cameSignal(signal: NodeJS.Signals, until: AbortSignal): Promise<StartVerdict> {
  return new Promise((resolve) => {
    const onSignal = (): void => resolve(failed(`${signal} came before it was ready`))
    process.once(signal, onSignal)
    until.addEventListener('abort', () => process.off(signal, onSignal))
  })
}

function lateness(timeoutMs: number, until: AbortSignal): Promise<StartVerdict> {
  return new Promise((resolve) => {
    const late = failed(`it was not ready in ${timeoutMs} ms`, 'timed-out')
    const timer = setTimeout(() => resolve(late), timeoutMs)
    until.addEventListener('abort', () => clearTimeout(timer))
  })
}

function failed(message: string, code: 'failed' | 'timed-out' = 'failed'): StartVerdict {
  return { type: 'failed', code, message, isServed: false }
}
