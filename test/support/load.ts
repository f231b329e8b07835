/**
 * A steady HTTP load on a service, from a process of its own so that neither side's event loop disturbs the other.
 * Open loop: requests are due by the clock. No retry: each request that was not answered is in the report, with the
 * reason and the time. Bounded in count and time; ends with its test.
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onEnd } from './on-end.ts'

export interface LoadOptions {
  /** A port on 127.0.0.1, `host:port`, or the path of a unix socket. */
  target: number | string
  /** Requests a second. Default 500. */
  rate?: number
  /** How many of them come on a new connection each, 0 to 1; the others share the keep-alive ones. Default 0.5. */
  newShare?: number
  /** Keep-alive connections at most. Default 24. */
  keepAlive?: number
  path?: string
  /** The status that counts as answered. Default 200. */
  status?: number
  /** Default 10 s, counted from when the request was due. */
  timeoutMs?: number
  /** Default 100 000. */
  maxRequests?: number
  /** Default 100 s. */
  maxMs?: number
  /** Over TLS, whoever has signed the certificate. Default false. */
  isTls?: boolean
  /** HTTP/2 over TLS: `keepAlive` is the number of sessions. Default false. */
  isHttp2?: boolean
  /** Its first group, found in the head or body of an answer, is the version that answered. */
  identify?: RegExp
}

export type FailureKind = 'refused' | 'reset' | 'raced' | 'cut' | 'timeout' | 'status' | 'malformed'

export interface Failure {
  /** `raced`: a reused keep-alive connection ended before an answer. `reset`: a new one did. `cut`: within one. */
  readonly kind: FailureKind
  readonly detail: string
  /** Epoch milliseconds, as `Date.now()`. */
  readonly at: number
  readonly sentAt: number
  /** The local port of the connection, where it had one. */
  readonly port: number | null
}

export interface LoadReport {
  readonly sent: number
  readonly answered: number
  readonly failed: number
  readonly kinds: Readonly<Record<FailureKind, number>>
  readonly failures: readonly Failure[]
  readonly slowestMs: number
  readonly slowestAt: number
  readonly idleClosed: number
  readonly moved: number
  readonly connections: number
  readonly versions: Readonly<Record<string, { answered: number; firstAt: number; lastAt: number }>>
  readonly startedAt: number
  readonly isDone: boolean
}

export interface Load {
  /** At most 50 ms old. */
  report(): LoadReport
  /** Resolves with the first report for which `holds`; fails after `deadlineMs`, saying `what` did not come. */
  waitFor(holds: (report: LoadReport) => boolean, what: string, deadlineMs?: number): Promise<LoadReport>
  /** Ends the load, waits for what is in flight, and resolves with the last report. */
  stop(): Promise<LoadReport>
}

/** Resolves when the first request has been answered or has failed. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const program = options.isHttp2 ? 'load-http2.mjs' : 'load-process.mjs'
  const child = fork(fileURLToPath(new URL(program, import.meta.url)), [JSON.stringify(settled(options))], {
    detached: true,
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  const watchers = new Set<() => void>()
  let last: LoadReport | null = null
  let isGone = false
  child.on('message', (message) => {
    last = message as LoadReport
    for (const watcher of [...watchers]) watcher()
  })
  child.on('exit', () => {
    isGone = true
    for (const watcher of [...watchers]) watcher()
  })
  onEnd(async () => {
    child.kill('SIGKILL')
    await exited
  })

  function waitFor(
    holds: (report: LoadReport) => boolean,
    what: string,
    deadlineMs: number = 20_000,
  ): Promise<LoadReport> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => end(new Error(`the load saw no ${what} in ${deadlineMs} ms: ${summary(last)}`)),
        deadlineMs,
      )
      function end(error: Error | null): void {
        clearTimeout(timer)
        watchers.delete(look)
        if (error) reject(error)
        else resolve(last as LoadReport)
      }
      function look(): void {
        if (last && holds(last)) end(null)
        else if (isGone) end(new Error(`the load ended before it saw ${what}: ${summary(last)}`))
      }
      watchers.add(look)
      look()
    })
  }

  await waitFor((report) => report.answered + report.failed > 0, 'first answer')
  return {
    report: () => last as LoadReport,
    waitFor,
    async stop() {
      if (child.connected && !last?.isDone) child.send('stop')
      await exited
      if (!last?.isDone) throw new Error(`the load process died: ${summary(last)}`)
      return last
    },
  }
}

/** For messages: what failed, by kind, with the first few in full. */
export function summary(report: LoadReport | null): string {
  if (!report) return 'no report yet'
  const { sent, answered, failed, slowestMs, versions } = report
  const kinds = Object.entries(report.kinds).filter(([, count]) => count > 0)
  return JSON.stringify({
    sent,
    answered,
    failed,
    kinds: Object.fromEntries(kinds),
    slowestMs: Math.round(slowestMs),
    versions,
    failures: report.failures.slice(0, 5),
  })
}

function settled(options: LoadOptions): object {
  const { target } = options
  const [host, port] = typeof target === 'number' ? ['127.0.0.1', target] : splitTarget(target)
  return {
    target: port === null ? { path: host } : { host, port },
    host: port === null ? 'localhost' : `${host}:${port}`,
    rate: options.rate ?? 500,
    newShare: options.newShare ?? 0.5,
    keepAlive: options.keepAlive ?? 24,
    path: options.path ?? '/',
    status: options.status ?? 200,
    timeoutMs: options.timeoutMs ?? 10_000,
    maxRequests: options.maxRequests ?? 100_000,
    maxMs: options.maxMs ?? 100_000,
    isTls: options.isTls ?? false,
    identify: (options.identify ?? /"version":"([^"]*)"/).source,
  }
}

function splitTarget(target: string): [string, number | null] {
  if (target.startsWith('/')) return [target, null]
  const colon = target.lastIndexOf(':')
  return [target.slice(0, colon).replace(/^\[|\]$/g, ''), Number(target.slice(colon + 1))]
}
