/**
 * Questions to a worker from outside: does it answer HTTP, does it accept, does the operator's own command say so. An
 * answer is null when it is good, else the reason in words; nothing is thrown. Plain net and the status line of
 * HTTP/1.1 are enough, so that the master loads no HTTP client.
 */

import type { Socket } from 'node:net'
import { formatDuration } from '../core/duration.ts'
import { errnoOf, isMachineTrouble, messageOf } from '../core/errors.ts'
import { printableLine } from '../core/shown.ts'
import { afterAwake } from './awake.ts'
import { type Exit, type SpawnRequest, spawnChild } from './spawn.ts'

/** `host` is 127.0.0.1 unless given. */
export type ProbeTarget = { readonly host?: string; readonly port: number } | { readonly socketPath: string }

/** A status line with the headers of 1xx answers before it; whoever sends more is no HTTP server. */
const HEAD_MAX_CHARACTERS = 16_384
/** The rest of the answer is read and dropped, so that the server sees no reset; a longer one is cut. */
const BODY_MAX_BYTES = 1_048_576
const OUTPUT_MAX_CHARACTERS = 4_096
/** Of what a command wrote last, for whoever has to know why it failed. */
const OUTPUT_MAX_LINES = 10
/** What sh(1) makes of a command that was killed by SIGKILL: 128 + 9. */
const KILLED_IN_SHELL = 137

/** GET `path`: 2xx and 3xx are good. */
export async function probeHttp(target: ProbeTarget, path: string, timeoutMs: number): Promise<string | null> {
  if (!/^\/[\x21-\x7e]*$/.test(path)) return `'${printableLine(path)}' is not a path that can be asked for`
  return await withConnection(target, timeoutMs, (socket, settle) => {
    let head = ''
    let bytes = 0
    let isSettled = false
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      bytes += text.length
      if (bytes > BODY_MAX_BYTES) socket.destroy()
      if (isSettled) return
      head += text
      const verdict = readStatus(head, path)
      if (verdict === undefined) return
      isSettled = true
      settle(verdict)
    })
    socket.on('end', () => settle(`closed the connection without an answer to GET ${path}`))
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: autoup\r\nConnection: close\r\n\r\n`)
  })
}

/** Whether somebody accepts, or the kernel on their behalf. */
export async function probeTcp(target: ProbeTarget, timeoutMs: number): Promise<string | null> {
  return await withConnection(target, timeoutMs, (socket, settle) => {
    settle(null)
    socket.end()
    socket.resume()
  })
}

/** How a command of the operator's has ended. */
export interface CommandEnd {
  /** Null: well. */
  readonly reason: string | null
  readonly isOfMachine: boolean
  /** The last lines that it wrote, of which the reason has the last. */
  readonly output: readonly string[]
}

/**
 * Exit status 0 of `sh -c command` is good. What is left of it at the timeout is killed. Throws trouble of the machine.
 */
export async function probeExec(
  command: string,
  env: Readonly<Record<string, string>>,
  cwd: string,
  timeoutMs: number,
  user: SpawnRequest['user'],
): Promise<string | null> {
  const { reason, isOfMachine } = await runCommand(command, env, cwd, timeoutMs, user)
  if (reason !== null && isOfMachine) throw new Error(reason)
  return reason
}

/**
 * The same, as a value: what could not be started for want of something, or was killed by somebody else (the OOM
 * killer), has said nothing. `signal` kills it before its time.
 */
export async function runCommand(
  command: string,
  env: Readonly<Record<string, string>>,
  cwd: string,
  timeoutMs: number,
  user: SpawnRequest['user'],
  signal?: AbortSignal,
  more: Pick<SpawnRequest, 'input' | 'stdout'> = {},
): Promise<CommandEnd> {
  let end: End
  try {
    const argv = ['/bin/sh', '-c', command]
    end = await runToEnd({ argv, cwd, env, user, stderr: 'pipe', ...more }, timeoutMs, signal)
  } catch (error) {
    const isOfMachine = isMachineTrouble(errnoOf(error))
    return { reason: `cannot run '${command}': ${messageOf(error)}`, isOfMachine, output: [] }
  }
  const { code, signal: killer, isLate } = end
  const output = lastLines(end.output)
  const ended = (reason: string | null) => ({ reason, isOfMachine: false, output })
  const last = output.length > 0 ? `: ${output.at(-1)}` : ''
  if (isLate) return ended(`'${command}' did not end within ${formatDuration(timeoutMs)}${last}`)
  if (code === 0) return ended(null)
  if (isKilled(end) && !signal?.aborted)
    return { reason: `'${command}' was killed by SIGKILL, and not by autoup`, isOfMachine: true, output }
  return ended(`'${command}' ended with ${code === null ? killer : `status ${code}`}${last}`)
}

function lastLines(output: string): string[] {
  const lines = output.trimEnd().split('\n').slice(-OUTPUT_MAX_LINES)
  return lines.map((line) => printableLine(line)).filter(Boolean)
}

/** By somebody; a shell says so with 128 + 9. */
function isKilled({ code, signal }: Exit): boolean {
  return signal === 'SIGKILL' || code === KILLED_IN_SHELL
}

/** How a child has ended, with the last of what it wrote to its pipes. */
export interface End extends Exit {
  readonly isLate: boolean
  readonly output: string
}

/**
 * Runs a child without sockets to its end, or kills it at the timeout or when `signal` says so. Rejects with the system
 * error where it cannot be started.
 */
export async function runToEnd(
  request: Pick<SpawnRequest, 'argv' | 'cwd' | 'env' | 'user'> &
    Partial<Pick<SpawnRequest, 'stdout' | 'stderr' | 'input'>>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<End> {
  const plain = { descriptors: [], listenNames: null, pidVariables: [], stdout: 'ignore', stderr: 'ignore' } as const
  const child = await spawnChild({ ...plain, ...request })
  const pipes = [child.stdout, child.stderr].filter((pipe) => pipe !== null)
  let output = ''
  for (const pipe of pipes)
    pipe.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-OUTPUT_MAX_CHARACTERS)
    })
  let isLate = false
  const timer = afterAwake(timeoutMs, () => {
    isLate = true
    child.killGroup()
  })
  const stop = (): void => child.killGroup()
  signal?.addEventListener('abort', stop)
  if (signal?.aborted) stop()
  const exit = await child.exited
  timer.stop()
  signal?.removeEventListener('abort', stop)
  // What it wrote last is still in the pipe; a descendant may hold that open, so its end is not waited for.
  await new Promise((resolve) => setImmediate(resolve))
  for (const pipe of pipes) pipe.destroy()
  return { ...exit, isLate, output }
}

/** Connects, hands over, and ends the connection at the timeout at the latest. */
async function withConnection(
  target: ProbeTarget,
  timeoutMs: number,
  converse: (socket: Socket, settle: (verdict: string | null) => void) => void,
): Promise<string | null> {
  const { connect } = await import('node:net')
  return await new Promise((resolve, reject) => {
    const socket = 'port' in target ? connect(target.port, target.host ?? '127.0.0.1') : connect(target.socketPath)
    let isConnected = false
    const timer = afterAwake(timeoutMs, () => {
      const what = isConnected ? 'did not answer' : 'did not accept a connection'
      resolve(`${what} within ${formatDuration(timeoutMs)}`)
      socket.destroy()
    })
    socket.on('error', (error) => {
      if (isMachineTrouble(errnoOf(error))) reject(error)
      else resolve(`${isConnected ? 'broke the connection' : 'refused the connection'}${why(error)}`)
    })
    socket.on('close', () => {
      timer.stop()
      resolve('closed the connection')
    })
    socket.on('connect', () => {
      // Nobody listens, but the kernel chose the target as our own port and joined the two ends (a TCP self-connect).
      if (socket.localPort !== undefined && socket.localPort === socket.remotePort) {
        resolve('refused the connection')
        socket.destroy()
        return
      }
      isConnected = true
      converse(socket, resolve)
    })
  })
}

/** The verdict on an answer that has begun to arrive; undefined while it is too short to tell. */
function readStatus(head: string, path: string): string | null | undefined {
  let rest = head
  for (;;) {
    const end = rest.indexOf('\n')
    if (end < 0) return rest.length > HEAD_MAX_CHARACTERS || !mayBeHttp(rest) ? noHttp(path) : undefined
    const match = /^HTTP\/\d(?:\.\d)? (\d{3})(?: |\r?$)/.exec(rest.slice(0, end))
    if (match === null) return noHttp(path)
    const status = Number(match[1])
    if (status >= 200) return status < 400 ? null : `answered GET ${path} with ${status}`
    // 100 Continue, 103 Early Hints: the answer follows (RFC 9110, 15.2).
    const next = /\r?\n\r?\n/.exec(rest)
    if (next === null) return rest.length > HEAD_MAX_CHARACTERS ? noHttp(path) : undefined
    rest = rest.slice(next.index + next[0].length)
  }
}

function mayBeHttp(text: string): boolean {
  return 'HTTP/'.startsWith(text.slice(0, 5))
}

function noHttp(path: string): string {
  return `answered GET ${path} with something that is not HTTP`
}

function why(error: unknown): string {
  const code = errnoOf(error)
  return code === null ? '' : ` (${code})`
}
