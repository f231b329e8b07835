/**
 * A headless Chromium, driven by the DevTools protocol over a pipe: messages on descriptors 3 and 4, each ended by a
 * zero byte. One for a whole test file; every page is closed with its test. Whatever a page asks of another host, and
 * every error of its script, is remembered.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { onEnd } from './on-end.ts'
import { endAll, readProcess } from './processes.ts'
import { findProgram } from './requirements.ts'
import { until } from './until.ts'

const ARTIFACTS = join(import.meta.dirname, '../../artifacts')

type Params = Readonly<Record<string, unknown>>

interface Message {
  readonly id?: number
  readonly method?: string
  readonly sessionId?: string
  readonly params?: Params
  readonly result?: Params
  readonly error?: { readonly message: string }
}

export interface View {
  readonly width?: number
  readonly height?: number
  readonly isDark?: boolean
  readonly hasScript?: boolean
}

export interface Page {
  /** The value of an expression in the page; a promise is waited for. */
  value<T>(expression: string): Promise<T>
  /** Waits until the expression is true. */
  shows(expression: string): Promise<void>
  /** A picture of the whole page, kept as an artifact. */
  picture(name: string): Promise<void>
  /** Errors of the script, and what the policy of the page has refused. */
  readonly complaints: readonly string[]
  /** Every URL that it has asked for. */
  readonly asked: readonly string[]
  close(): Promise<void>
}

export interface Browser {
  open(url: string, view?: View): Promise<Page>
  close(): Promise<void>
}

export async function startBrowser(): Promise<Browser> {
  const program = findProgram('chromium')
  if (program === null) throw new Error('chromium is needed')
  const home = mkdtempSync(join(tmpdir(), 'au-browser-'))
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run']
  const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--mute-audio']
  const child = spawn(program, [...flags, ...quiet, `--user-data-dir=${home}`, '--remote-debugging-pipe'], {
    env: { PATH: process.env.PATH, HOME: home, LANG: 'C.UTF-8', TZ: 'UTC', AUTOUP_STATE: home },
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const leader = child.pid === undefined ? null : readProcess(child.pid)
  const wire = new Wire(child)
  return {
    open: (url, view = {}) => openPage(wire, url, view),
    async close() {
      const gone = child.exitCode === null ? once(child, 'exit') : null
      wire.send('Browser.close').catch(() => {})
      await Promise.race([gone, until('the browser ends', () => child.exitCode !== null, 10_000).catch(() => {})])
      await endAll(home, leader ? [leader] : [])
      rmSync(home, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

class Wire {
  readonly #out: Writable
  readonly #waiting = new Map<number, { resolve: (value: Params) => void; reject: (error: Error) => void }>()
  readonly #listeners = new Set<(message: Message) => void>()
  #last = 0

  constructor(child: ChildProcess) {
    this.#out = child.stdio[3] as Writable
    let text = ''
    const input = child.stdio[4] as Readable
    input.setEncoding('utf8').on('data', (chunk: string) => {
      const parts = (text + chunk).split('\0')
      text = parts.pop() ?? ''
      for (const part of parts) this.#take(JSON.parse(part) as Message)
    })
    child.on('exit', (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the browser has ended with ${code}`))
    })
    this.#out.on('error', () => {})
  }

  send(method: string, params: Params = {}, sessionId?: string): Promise<Params> {
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#out.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    })
  }

  listen(listener: (message: Message) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #take(message: Message): void {
    for (const listener of this.#listeners) listener(message)
    const waiting = this.#waiting.get(message.id ?? 0)
    if (!waiting) return
    this.#waiting.delete(message.id ?? 0)
    if (message.error) waiting.reject(new Error(message.error.message))
    else waiting.resolve(message.result ?? {})
  }
}

async function openPage(wire: Wire, url: string, view: View): Promise<Page> {
  const { width = 1100, height = 800, isDark = false, hasScript = true } = view
  const { targetId } = await wire.send('Target.createTarget', { url: 'about:blank' })
  const { sessionId } = await wire.send('Target.attachToTarget', { targetId, flatten: true })
  const send = (method: string, params: Params = {}): Promise<Params> => wire.send(method, params, String(sessionId))
  const complaints: string[] = []
  const asked: string[] = []
  let isLoaded = false
  const stop = wire.listen(({ sessionId: from, method, params = {} }) => {
    if (from !== sessionId) return
    if (method === 'Page.domContentEventFired') isLoaded = true
    if (method === 'Runtime.exceptionThrown') complaints.push(JSON.stringify(params.exceptionDetails))
    if (method === 'Log.entryAdded') complaints.push((params.entry as { text: string }).text)
    if (method === 'Network.requestWillBeSent') asked.push((params.request as { url: string }).url)
  })
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await send(`${domain}.enable`)
  await send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 600 })
  await send('Emulation.setScriptExecutionDisabled', { value: !hasScript })
  await send('Emulation.setEmulatedMedia', {
    features: [{ name: 'prefers-color-scheme', value: isDark ? 'dark' : 'light' }],
  })
  await send('Page.navigate', { url })
  let isOpen = true
  const close = async (): Promise<void> => {
    if (!isOpen) return
    isOpen = false
    stop()
    await wire.send('Target.closeTarget', { targetId }).catch(() => {})
  }
  onEnd(close)
  await until(`${url} is loaded`, () => isLoaded)

  async function value<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await send('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    })
    if (exceptionDetails) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`)
    return (result as { value: T }).value
  }

  return {
    value,
    async shows(expression) {
      await until(expression, () => value<boolean>(`Boolean(${expression})`), 30_000)
    },
    async picture(name) {
      const full = await value<number>('document.documentElement.scrollHeight')
      const clip = { x: 0, y: 0, width, height: Math.max(full, height), scale: 1 }
      const { data } = await send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true, clip })
      const path = join(ARTIFACTS, `${name}.png`)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, Buffer.from(String(data), 'base64'))
    },
    complaints,
    asked,
    close,
  }
}
