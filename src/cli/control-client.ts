/**
 * The other end of the control socket. Over plain `node:net` and nothing else, so that `autoup status` starts about
 * as fast as Node itself. One request per connection; the directory is opened and the socket reached through
 * /proc/self/fd, since Node 20 silently cuts socket paths over 107 bytes (unix(7)).
 */

import { closeSync, constants, existsSync, openSync, readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { formatDuration } from '../core/duration.ts'
import { AutoupError, type ErrorCode, EXIT_STATUS, errnoOf } from '../core/errors.ts'
import type { Stamped } from '../core/events.ts'
import { isName } from '../core/name.ts'
import type { Status } from '../core/status.ts'

export interface MasterPlace {
  readonly name: string
  /** `<state-dir>/<name>`. */
  readonly directory: string
}

export interface CallOptions {
  readonly body?: unknown
  /** Default: 10 s. Null waits for ever. */
  readonly timeoutMs?: number | null
  /** What to say when the time is over. */
  readonly onTimeout?: string
}

const ANSWER_TIMEOUT_MS = 10_000
const SOCKET = 'control.sock'
const LOCK = 'lock'

/**
 * The master of this name, or without one the only master that runs under the state directory.
 * Throws AutoupError `not-running`, or `usage` when there are several to choose from.
 */
export async function findMaster(stateDir: string, name: string | undefined): Promise<MasterPlace> {
  if (name !== undefined) return { name, directory: join(stateDir, name) }
  return await onlyRunning(placesUnder(stateDir), `under ${stateDir}`)
}

/** The one of these that runs; `where` is for messages. Throws as findMaster does. */
export async function onlyRunning(places: readonly MasterPlace[], where: string): Promise<MasterPlace> {
  const [only, ...others] = await someRunning(places, where)
  if (others.length === 0) return only
  const names = [only, ...others].map((place) => place.name).join(', ')
  throw new AutoupError('usage', `several services run ${where}: name one of ${names}`)
}

/** As findMaster, but all of them where no name was said. Throws AutoupError `not-running`. */
export async function findMasters(stateDir: string, name: string | undefined): Promise<readonly MasterPlace[]> {
  if (name !== undefined) return [await findMaster(stateDir, name)]
  return await someRunning(placesUnder(stateDir), `under ${stateDir}`)
}

/** All that run, also one that does not answer. */
export async function runningUnder(stateDir: string): Promise<MasterPlace[]> {
  return await runningAmong(placesUnder(stateDir))
}

/**
 * Throws AutoupError: `not-running`, `unknown` where it may not be asked or does not answer, `timed-out` where
 * `onTimeout` is given, `failed` with `isCut` when the master went away, or what it said.
 */
export async function call<T>(
  master: MasterPlace,
  method: 'GET' | 'POST',
  path: string,
  options: CallOptions = {},
): Promise<T> {
  const socket = await open(master).catch(async (error: unknown) => {
    throw isAbsent(error) ? ((await heldBy(master)) ?? error) : error
  })
  const { timeoutMs = ANSWER_TIMEOUT_MS } = options
  let isLate = false
  const giveUp = (): void => {
    isLate = true
    socket.destroy()
  }
  const timer = timeoutMs === null ? undefined : setTimeout(giveUp, timeoutMs)
  const chunks: Buffer[] = []
  try {
    send(socket, method, path, options.body)
    for await (const chunk of socket) chunks.push(chunk as Buffer)
  } catch {
    // A connection that broke and one that ended too early are the same: the answer is not whole.
  } finally {
    clearTimeout(timer)
  }
  const answer = parseAnswer(Buffer.concat(chunks).toString('utf8'))
  if (!answer || Buffer.byteLength(answer.body) < answer.length) {
    if (isLate && options.onTimeout !== undefined) throw new AutoupError('timed-out', options.onTimeout)
    if (isLate) throw await silent(master, timeoutMs ?? 0)
    throw new AutoupError('failed', `'${master.name}' ended before it had answered`, { data: { isCut: true } })
  }
  const value: unknown = JSON.parse(answer.body)
  if (answer.status === 200) return value as T
  throw refusal(value)
}

/**
 * What the master says of itself; null where none listens. Throws AutoupError `unknown` for one that does not answer.
 */
export async function statusOf(master: MasterPlace): Promise<Status | null> {
  try {
    return await call<Status>(master, 'GET', '/status')
  } catch (error) {
    if (isAbsent(error)) return null
    throw error
  }
}

/** Nobody listens, whether the lock is held or not. */
export function isAbsent(error: unknown): boolean {
  return error instanceof AutoupError && (error.code === 'not-running' || error.data.isAbsent === true)
}

/** As `since`: past every event that there is. */
export const FROM_NOW_ON = 999_999_999_999_999

/** The events after `since`, and with `follow` those to come, until the master ends or the reader stops reading. */
export async function* follow(
  master: MasterPlace,
  options: { readonly since: number; readonly follow: boolean; readonly signal?: AbortSignal },
): AsyncGenerator<Stamped> {
  const socket = await open(master)
  const stop = (): void => void socket.destroy()
  options.signal?.addEventListener('abort', stop)
  if (options.signal?.aborted) socket.destroy()
  send(socket, 'GET', `/events?since=${options.since}${options.follow ? '' : '&follow=0'}`)
  socket.setEncoding('utf8')
  let text = ''
  let isHead = true
  try {
    for await (const chunk of socket) {
      text += chunk
      if (isHead) {
        const answer = parseAnswer(text)
        if (answer?.status !== 200) continue
        isHead = false
        text = answer.body
      }
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const data = /^data: (.*)$/m.exec(text.slice(0, end))
        text = text.slice(end + 2)
        if (data) yield JSON.parse(data[1] as string) as Stamped
      }
    }
  } catch (error) {
    if (errnoOf(error) !== 'ECONNRESET' && !options.signal?.aborted) throw error
  } finally {
    options.signal?.removeEventListener('abort', stop)
    socket.destroy()
  }
  const answer = isHead ? parseAnswer(text) : null
  if (answer) throw refusal(JSON.parse(answer.body))
}

async function someRunning(
  places: readonly MasterPlace[],
  where: string,
): Promise<readonly [MasterPlace, ...MasterPlace[]]> {
  const [first, ...others] = await runningAmong(places)
  if (first) return [first, ...others]
  const advice = 'start it with `autoup run` or `autoup start`'
  const directories = places.map(({ directory }) => directory)
  throw new AutoupError('not-running', `nothing is running ${where}: ${advice}`, { data: { directories } })
}

async function runningAmong(places: readonly MasterPlace[]): Promise<MasterPlace[]> {
  const running = []
  for (const place of places) {
    const isHeard = existsSync(join(place.directory, SOCKET)) && (await isListening(place))
    if (isHeard || (await holderOf(place)) !== null) running.push(place)
  }
  return running
}

/** Only what may be the name of a service: whoever may write there chooses these words, and a shell completes them. */
function placesUnder(stateDir: string): MasterPlace[] {
  return list(stateDir)
    .filter(isName)
    .map((name) => ({ name, directory: join(stateDir, name) }))
}

/** What lies under the state directory. */
function list(stateDir: string): string[] {
  try {
    return readdirSync(stateDir).sort()
  } catch (error) {
    if (errnoOf(error) === 'EACCES') throw forbidden(stateDir, error)
    return []
  }
}

async function isListening(master: MasterPlace): Promise<boolean> {
  try {
    const socket = await open(master)
    socket.destroy()
    return true
  } catch (error) {
    if (isAbsent(error)) return false
    throw error
  }
}

async function open(master: MasterPlace): Promise<Socket> {
  let fd: number | null = null
  try {
    fd = openSync(master.directory, constants.O_RDONLY | constants.O_DIRECTORY)
    return await connected(`/proc/self/fd/${fd}/${SOCKET}`)
  } catch (error) {
    if (errnoOf(error) === 'EACCES') throw forbidden(master.directory, error)
    if (['ENOENT', 'ENOTDIR', 'ECONNREFUSED', 'ENOTSOCK'].includes(errnoOf(error) ?? '')) {
      const message = `'${master.name}' is not running: no master answers in ${master.directory}`
      throw new AutoupError('not-running', message, { cause: error, data: { directories: [master.directory] } })
    }
    throw error
  } finally {
    if (fd !== null) closeSync(fd)
  }
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })
}

/** As LSB has it for `status`: whether it serves is not known. Null where nobody holds the lock. */
async function heldBy(master: MasterPlace): Promise<AutoupError | null> {
  const { name } = master
  const pid = await holderOf(master)
  if (pid === null) return null
  const message = `'${name}' does not answer, but process ${pid} holds its lock: it is starting, stopping or at \`autoup stage\`; ask again, or look with \`ps ${pid}\``
  return new AutoupError('unknown', message, { data: { pid, isAbsent: true } })
}

async function silent(master: MasterPlace, timeoutMs: number): Promise<AutoupError> {
  const { name } = master
  const pid = await holderOf(master)
  const advice = pid === null ? '' : `; its workers serve on: end it with \`kill -9 ${pid}\` and start it again`
  const message = `'${name}' has not answered in ${formatDuration(timeoutMs)}, so its master hangs or is stopped${advice}`
  return new AutoupError('unknown', message, { data: { pid } })
}

/** Not loaded where a master answers. */
async function holderOf({ directory }: MasterPlace): Promise<number | null> {
  const { lockHolder } = await import('../system/lock-holder.ts')
  return lockHolder(join(directory, LOCK))
}

function forbidden(directory: string, cause: unknown): AutoupError {
  const message = `not permitted to talk to the master in ${directory}: do this as the user that runs it`
  return new AutoupError('unknown', message, { cause })
}

function send(socket: Socket, method: string, path: string, body?: unknown): void {
  // Errors reach whoever reads; without a listener they would end the process.
  socket.on('error', () => {})
  const text = body === undefined ? '' : JSON.stringify(body)
  const length = text === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n`
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: autoup\r\nConnection: close\r\n${length}\r\n${text}`)
}

/** `length` is 0 where the answer lasts until the connection ends. Null while the head is not whole. */
function parseAnswer(text: string): { status: number; length: number; body: string } | null {
  const end = text.indexOf('\r\n\r\n')
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)
  if (end < 0 || !status) return null
  const length = /^content-length: *(\d+)/im.exec(text.slice(0, end))
  return { status: Number(status[1]), length: Number(length?.[1] ?? 0), body: text.slice(end + 4) }
}

function refusal(value: unknown): AutoupError {
  const { error, code } = value as { error: string; code?: string | null }
  return new AutoupError(code && code in EXIT_STATUS ? (code as ErrorCode) : 'failed', error)
}
