import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import net, { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { askText } from '../support/ask.ts'
import { type Browser, type Page, startBrowser } from '../support/browser.ts'
import { type Artifact, diesAt, nodeServer, publish } from '../support/builds.ts'
import { gate } from '../support/gate.ts'
import { type Master, startMaster, temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'
import { freePort } from '../support/ports.ts'
import { descriptorsOf } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { serveSite } from '../support/site.ts'
import { until } from '../support/until.ts'

interface Shown {
  readonly master: Master
  readonly port: number
  /** Of the page, `http://127.0.0.1:PORT/`. */
  readonly url: string
  /** What the source offers from now on. */
  release(version: string, build?: Artifact): void
}

/** A service with releases that have versions, two workers, and a page. */
async function startShown(probation = '300ms'): Promise<Shown> {
  const site = await serveSite()
  const release = (version: string, build: Artifact = nodeServer({ version })): void => {
    const path = join(temporaryDirectory(), 'app')
    publish(path, build)
    const bytes = readFileSync(path)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const url = `${site.origin}/app-${version}`
    site.put(`/app-${version}`, bytes)
    site.put('/app.json', JSON.stringify({ version, artifacts: [{ os: 'linux', arch: process.arch, url, sha256 }] }))
  }
  release('1.4.2')
  const port = await freePort()
  const service = ['--fetch', `${site.origin}/app.json`, '--listen', `127.0.0.1:${port}`, '--instances', '2']
  const times = ['--interval', '1h', '--probation', probation, '--ready-timeout', '10s', '--drain-timeout', '100s']
  const master = await startMaster({ args: [...service, ...times, '--metrics', '127.0.0.1:0'] })
  const { address } = await master.next('page-opened')
  await master.next('build-committed')
  return { master, port, url: `http://${address}/`, release }
}

/** 1.5.0 dies when it has been promoted. */
async function failsInProbation({ master, release }: Pick<Shown, 'master' | 'release'>): Promise<void> {
  const door = gate()
  release('1.5.0', diesAt(door, '1.5.0'))
  const since = master.mark()
  const upgrade = master.cli('upgrade')
  await master.next('promotion-ready', { since })
  door.open()
  expect(await upgrade).toMatchObject({ code: 6 })
}

/** Connections to the service that stay open until the test ends, or the function is called. */
async function hold(port: number, count: number): Promise<() => void> {
  const sockets: Socket[] = []
  const leave = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  onEnd(leave)
  for (let each = 0; each < count; each++) {
    const socket = connect(port, '127.0.0.1')
    sockets.push(socket)
    socket.on('error', () => {})
    await new Promise((resolve) => socket.once('connect', resolve))
    // Served, and then another request that does not end: a draining worker waits for it.
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await new Promise((resolve) => socket.once('data', resolve))
    socket.write('GET /slow?ms=100000 HTTP/1.1\r\nHost: x\r\n\r\n')
  }
  return leave
}

const STATE = `document.querySelector('.title .pill').textContent`
const CONNECTIONS = `[...document.querySelectorAll('.count')].reduce((sum, each) => sum + Number(each.textContent), 0)`
const text = (selector: string): string => `document.querySelector('${selector}').innerText`

let browser: Browser
const chromium = needs('chromium')

beforeAll(async () => {
  if (chromium.test === test) browser = await startBrowser()
})
afterAll(async () => {
  await browser?.close()
})

/** It ran without an error, and asked nobody but its own master. */
function expectClean(page: Page, url: string): void {
  expect(page.complaints).toEqual([])
  expect(page.asked.filter((each) => !each.startsWith(url) && !each.startsWith('data:'))).toEqual([])
}

chromium.test('shows an idle service, and counts its connections as they come and go', async () => {
  const { port, url } = await startShown()
  const page = await browser.open(url)
  expect(await page.value(STATE)).toBe('idle')
  expect(await page.value('document.title')).toBe('app 1.4.2 · idle')
  expect(await page.value(text('.now'))).toMatch(/^1\.4\.2 serves$/i)
  expect(await page.value(text('#workers'))).toMatch(/generation 1 1\.4\.2 serves/)
  const leave = await hold(port, 7)
  await page.shows(`${CONNECTIONS} === 7`)
  await page.picture('page-idle-light')
  leave()
  await page.shows(`${CONNECTIONS} === 0`)
  expectClean(page, url)
  const dark = await browser.open(url, { isDark: true })
  const ground = 'getComputedStyle(document.body).backgroundColor'
  expect(await dark.value(ground)).not.toBe(await page.value(ground))
  await dark.picture('page-idle-dark')
})

chromium.test('follows an upgrade without being loaded again, both generations beside each other', async () => {
  const { master, port, url, release } = await startShown('4s')
  await hold(port, 6)
  const page = await browser.open(url)
  await page.value('window.isSamePage = true')
  release('1.5.0')
  const upgrade = master.cli('upgrade')
  await page.shows(`${STATE} === 'probation'`)
  await hold(port, 3)
  await page.shows(`${CONNECTIONS} === 9`)
  expect(await page.value(text('.steps [aria-current=step]'))).toBe('probation')
  const generations = await page.value<string[]>(
    `[...document.querySelectorAll('tbody')].map((each) => each.innerText)`,
  )
  expect(generations[0]).toMatch(/generation 2 1\.5\.0 serves[\s\S]*ready/)
  expect(generations[1]).toMatch(/generation 1 1\.4\.2 finishes what is in flight[\s\S]*draining/)
  await page.picture('page-promoting-light')
  expect(await upgrade).toMatchObject({ code: 0 })
  await page.shows(`${STATE} === 'idle'`)
  expect(await page.value(text('.verdict'))).toMatch(/^1\.5\.0 was committed/)
  expect(await page.value('window.isSamePage')).toBe(true)
  expectClean(page, url)
})

chromium.test('says after a rollback what failed, why, and what serves', async () => {
  const { master, url, release } = await startShown('2s')
  const page = await browser.open(url)
  await failsInProbation({ master, release })
  await page.shows(`document.querySelector('#held li')`)
  await page.shows(`${STATE} === 'idle'`)
  expect(await page.value(text('.verdict'))).toMatch(/^1\.5\.0 failed, 1\.4\.2 serves again .*: exited with 1/)
  expect(await page.value(text('#held'))).toMatch(/1\.5\.0[\s\S]*exited with 1/)
  expect(await page.value(text('.timeline'))).toMatch(
    /^1\.4\.2\s+in service[\s\S]*1\.5\.0\s+held back|^1\.5\.0\s+held back/,
  )
  await page.picture('page-rolled-back-light')
  expectClean(page, url)
  await (await browser.open(url, { isDark: true })).picture('page-rolled-back-dark')
  const phone = await browser.open(url, { width: 390, height: 844 })
  await phone.picture('page-rolled-back-phone')
  // Nothing has to be scrolled sideways.
  expect(await phone.value('document.documentElement.scrollWidth')).toBe(390)
})

chromium.test('is whole without its script', async () => {
  const { url } = await startShown()
  const page = await browser.open(url, { hasScript: false })
  expect(await page.value(STATE)).toBe('idle')
  expect(await page.value(text('#workers'))).toContain('ready')
  expect(await page.value(text('#tiles time'))).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/)
})

chromium.test('says that the master does not answer, and goes on when the next one does', async () => {
  const { master, url } = await startShown()
  const page = await browser.open(url)
  await page.shows(`document.querySelector('time').textContent.endsWith('ago')`)
  await master.stop()
  await page.shows(`!document.getElementById('live').hidden`)
  const address = new URL(url).host
  const command = ['/bin/sh', '-c', 'exec sleep 1000']
  const next = await startMaster({
    stateDir: master.stateDir,
    args: ['--metrics', address, '--drain-timeout', '0'],
    command,
  })
  await next.next('page-opened')
  await page.shows(`document.getElementById('live').hidden`)
  expect(await page.value(text('#tiles'))).toContain('the command')
})

chromium.test('a browser that leaves, and readers that vanish, leave nothing behind in the master', async () => {
  const { master, url } = await startShown()
  const before = descriptorsOf(master.pid).length
  const page = await browser.open(url)
  await page.shows(`document.querySelector('time').textContent.endsWith('ago')`)
  const { host, port } = { host: '127.0.0.1', port: Number(new URL(url).port) }
  const readers = Array.from({ length: 20 }, () => connect(port, host))
  await Promise.all(
    readers.map(async (socket) => {
      socket.on('error', () => {})
      socket.write(`GET /live HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      await new Promise((resolve) => socket.once('data', resolve))
    }),
  )
  expect(descriptorsOf(master.pid).length).toBeGreaterThanOrEqual(before + 21)
  for (const socket of readers) socket.resetAndDestroy()
  await page.close()
  await until('all descriptors are given back', () => descriptorsOf(master.pid).length <= before)
})

test('a page whose port is taken is warned of, and opens when the port is free; the service does not wait', async () => {
  const port = await freePort()
  const other = net.createServer().listen(port, '127.0.0.1')
  onEnd(() => other.close())
  await new Promise((resolve) => other.once('listening', resolve))
  const command = ['/bin/sh', '-c', 'exec sleep 1000']
  const args = ['--metrics', String(port), '--ready', 'uptime:10ms', '--drain-timeout', '0']
  const master = await startMaster({ args, command })
  const warning = await master.waitFor((event) => event.type === 'warning' && /no page/.test(event.message), 'warning')
  expect(warning).toMatchObject({ message: expect.stringMatching(/127\.0\.0\.1:\d+: the port is in use by .*pid/) })
  await master.next('worker-ready')
  other.close()
  await master.next('page-opened')
  expect(await askText(port, '/metrics')).toMatch(/^autoup_up 1$/m)
})

needs('promtool', 'curl').test(
  'promtool accepts what the page and the control socket say, and it counts an upgrade',
  async () => {
    const { master, port, url, release } = await startShown('2s')
    await hold(port, 4)
    await failsInProbation({ master, release })
    release('1.6.0')
    await master.cli('upgrade')
    const scraped = await askText(Number(new URL(url).port), '/metrics')
    const socket = join(master.home, 'control.sock')
    const curled = execFileSync('curl', ['-s', '--unix-socket', socket, 'http://localhost/metrics'], {
      encoding: 'utf8',
    })
    for (const metrics of [scraped, curled]) {
      expect(execFileSync('promtool', ['check', 'metrics'], { input: metrics, encoding: 'utf8', stdio: 'pipe' })).toBe(
        '',
      )
      const value = (name: string): number =>
        Number(
          metrics
            .split('\n')
            .find((line) => line.startsWith(`${name} `))
            ?.split(' ')
            .pop(),
        )
      expect(value('autoup_up')).toBe(1)
      expect(value('autoup_promotions_total{purpose="upgrade",verdict="committed"}')).toBe(2)
      expect(value('autoup_promotions_total{purpose="upgrade",verdict="failed"}')).toBe(1)
      expect(value('autoup_rollbacks_total')).toBe(1)
      expect(value('autoup_quarantined_builds')).toBe(1)
      expect(value('autoup_checks_total{result="release"}')).toBe(3)
      expect(value('autoup_connections{state="draining"}')).toBe(4)
      expect(value('process_resident_memory_bytes')).toBeGreaterThan(30e6)
    }
  },
)
