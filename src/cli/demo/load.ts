/**
 * A steady load on the demo's service: open loop, so that a slow answer does not slow the asking; half of the requests
 * on new connections, half on kept ones; nothing is retried. Each failure is kept with the port it came from.
 */

import { Agent, get } from 'node:http'

export interface Failure {
  readonly reason: string
  /** The client's end of the connection; null when there was none. */
  readonly port: number | null
}

/** What happened since the last look. */
export interface Tally {
  readonly sent: number
  readonly slowestMs: number
  readonly failures: readonly Failure[]
  /** Answers by version. */
  readonly versions: ReadonlyMap<string, number>
}

const RATE_PER_SECOND = 200
const KEPT_CONNECTIONS = 8
const TIMEOUT_MS = 10_000

export class Load {
  readonly rate: number = RATE_PER_SECOND
  readonly port: number
  readonly #agent: Agent = new Agent({ keepAlive: true, maxSockets: KEPT_CONNECTIONS })
  readonly #timer: NodeJS.Timeout
  readonly #startedAt: number = performance.now()
  #asked = 0
  #underWay = 0
  #sent = 0
  #slowestMs = 0
  #failures: Failure[] = []
  #versions = new Map<string, number>()
  #onIdle: (() => void) | null = null

  constructor(port: number) {
    this.port = port
    this.#timer = setInterval(() => this.#catchUp(), 1_000 / RATE_PER_SECOND)
  }

  /** What happened since the last call, with every request answered that was sent before it. */
  take(): Tally {
    const tally = { sent: this.#sent, slowestMs: this.#slowestMs, failures: this.#failures, versions: this.#versions }
    this.#sent = 0
    this.#slowestMs = 0
    this.#failures = []
    this.#versions = new Map()
    return tally
  }

  /** Asks no more, and waits for the answers that are under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
    }
    this.#agent.destroy()
  }

  /** As many as should have been sent by now, however late the timer is. */
  #catchUp(): void {
    const due = Math.floor(((performance.now() - this.#startedAt) * RATE_PER_SECOND) / 1_000)
    while (this.#asked < due) this.#ask(this.#asked++ % 2 === 0)
  }

  #ask(isKept: boolean): void {
    const startedAt = performance.now()
    this.#underWay++
    let isOver = false
    let port: number | null = null
    const over = (reason: string | null, version = ''): void => {
      if (isOver) return
      isOver = true
      this.#sent++
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startedAt)
      if (reason !== null) this.#failures.push({ reason, port })
      else this.#versions.set(version, (this.#versions.get(version) ?? 0) + 1)
      if (--this.#underWay === 0) this.#onIdle?.()
    }
    const options = { host: '127.0.0.1', port: this.port, agent: isKept ? this.#agent : false, timeout: TIMEOUT_MS }
    const request = get(options, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      response.on('end', () => over(response.statusCode === 200 ? null : `status ${response.statusCode}`, body))
      response.on('error', (error) => over(error.message))
    })
    request.on('socket', (socket) => {
      const note = (): void => {
        port = socket.localPort ?? null
      }
      if (socket.connecting) socket.once('connect', note)
      else note()
    })
    request.on('timeout', () => request.destroy(new Error('no answer in 10 s')))
    request.on('error', (error) => over(error.message))
  }
}
