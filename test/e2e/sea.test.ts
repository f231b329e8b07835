/**
 * A single executable that is its own master: version 1 fetches version 2 of itself and serves it, and is version 2 from
 * its next start on. Whatever is put in place of its file, it serves.
 */

import { createHash } from 'node:crypto'
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Embedded, startEmbedded } from '../support/embedded.ts'
import { startLoad, summary } from '../support/load.ts'
import { type Master, said, temporaryDirectory } from '../support/master.ts'
import { needsNode, type SeaNode, type SeaOptions, single } from '../support/sea.ts'
import { serveSite } from '../support/site.ts'
import { until } from '../support/until.ts'

let shelf: string
beforeAll(() => {
  shelf = mkdtempSync(join(tmpdir(), 'au-'))
})
afterAll(() => rmSync(shelf, { recursive: true, force: true }))

/** Built once in this file. */
const built = new Map<string, string>()
function executable(options: SeaOptions): string {
  const key = JSON.stringify(options)
  const there = built.get(key)
  if (there !== undefined) return there
  const path = join(shelf, String(built.size))
  single(options)(path)
  built.set(key, path)
  return path
}

/** In one step, as a careful deploy does it. */
function put(from: string, to: string): void {
  copyFileSync(from, `${to}.next`)
  renameSync(`${to}.next`, to)
}

interface Running extends Embedded {
  /** The file that was started. */
  readonly own: string
  /** Where it is fetched from. */
  readonly source: string
  /** Its TMPDIR. */
  readonly temporary: string
}

async function start(options: SeaOptions, how: { source?: (own: string) => string } = {}): Promise<Running> {
  const folder = temporaryDirectory()
  const own = join(folder, 'app')
  const source = how.source?.(own) ?? join(folder, 'release')
  const temporary = temporaryDirectory()
  put(executable(options), own)
  const FETCH = /:\/\/|\?/.test(source) ? source : `file:${source}`
  const env = { FETCH, TMPDIR: temporary, AUTOUP_INTERVAL: '200ms' }
  const embedded = await startEmbedded([own, 'serve'], { env })
  await embedded.master.next('worker-ready')
  return { ...embedded, own, source, temporary }
}

const exeOf = ({ pid }: Pick<Master, 'pid'>) => readlinkSync(`/proc/${pid}/exe`)
const idOf = (path: string) => `sha256-${createHash('sha256').update(readFileSync(path)).digest('hex')}`
const warnings = ({ events }: Master) => events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))

async function committed({ master }: Embedded, since: number): Promise<void> {
  const event = await master.waitFor(
    ({ type }) => type === 'build-committed' || type === 'build-quarantined',
    'verdict',
    { since },
  )
  expect(event, master.story()).toMatchObject({ type: 'build-committed' })
}

/** Delivers the file at its location. */
const PLUGIN = `import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
export const fetcher = {
  scheme: 'one-file',
  async check({ location }, known) {
    if (known) return { kind: 'unchanged' }
    const digest = 'sha256-' + createHash('sha256').update(readFileSync(location)).digest('hex')
    const release = { version: '2.0.0', name: 'app', size: null, digest, ordered: true, executable: true }
    return { kind: 'release', release, known: true }
  },
  async fetch({ location }, { digest }, into) {
    await into.artifact(async () => ({ from: 0, bytes: [readFileSync(location)] }), digest)
  },
}
`

const nodes: SeaNode[] = [24, 26]
for (const node of nodes) {
  needsNode(node)(`a single executable of Node ${node}`, () => {
    test('fetches itself and serves it without a failed request, and is that from its next start on', async () => {
      const service = await start({ node, version: '1' })
      const { master, ask, port, own, source } = service
      expect(await ask()).toMatchObject({ version: '1' })
      // Its own file is a build of the store as well.
      expect((await master.status()).current).toMatchObject({ build: idOf(own) })
      const load = await startLoad({ target: port, rate: 100 })
      const since = master.mark()
      put(executable({ node, version: '2' }), source)
      await committed(service, since)
      await until('it serves', async () => (await ask()).version === '2')
      const report = await load.stop()
      expect(report.failed, summary(report)).toBe(0)
      const status = await master.status()
      expect(status.pid).toBe(master.pid)
      expect(exeOf(master)).toBe(own)
      expect(exeOf({ pid: (await ask()).pid })).toContain(`/builds/${status.current?.build}/`)
      expect(status.previous?.build).toBe(idOf(own))

      expect(await master.stop()).toBe(0)
      const next = await service.again()
      await next.master.next('worker-ready')
      expect(await next.ask()).toMatchObject({ version: '2' })
      expect(exeOf(next.master)).toContain(`/builds/${idOf(source)}/`)
      expect(readFileSync(`/proc/${next.master.pid}/cmdline`, 'utf8').split('\0')).toContain('serve')
      expect(warnings(next.master)).toEqual([])
      // The file that was installed is as it was.
      expect(idOf(own)).toBe(status.previous?.build)

      const back = await next.master.cli('rollback')
      expect(back, back.stderr).toMatchObject({ code: 0 })
      await until('it serves', async () => (await next.ask()).version === '1')
      expect(await next.master.stop()).toBe(0)
      expect(readdirSync(service.temporary), 'nothing of koffi is left').toEqual([])
    })
  })
}

needsNode(26)('a single executable', () => {
  const node = 26

  test('fetches itself over the network', async () => {
    const site = await serveSite()
    const bytes = readFileSync(executable({ node, version: '2' }))
    site.put('/app', bytes)
    site.put('/app.sha256', `${createHash('sha256').update(bytes).digest('hex')}  app\n`)
    const service = await start({ node, version: '1' }, { source: () => `${site.origin}/app` })
    await committed(service, 0)
    await until('it serves', async () => (await service.ask()).version === '2')
  })

  test('fetches itself by a plugin, which is a file beside it', async () => {
    const plugin = join(temporaryDirectory(), 'plugin.mjs')
    writeFileSync(plugin, PLUGIN)
    const service = await start(
      { node, version: '1' },
      { source: () => `${plugin}?${executable({ node, version: '2' })}` },
    )
    await committed(service, 0)
    await until('it serves', async () => (await service.ask()).version === '2')
  })

  test('whose own file is replaced by a bad one serves on, also from the bad one at its next start', async () => {
    const bad = executable({ node, version: 'bad', first: 'if (process.env.AUTOUP_PID) process.exit(3)' })
    const service = await start({ node, version: '1' }, { source: (own) => own })
    const { master, ask, own } = service
    put(bad, own)
    expect(await master.next('build-quarantined')).toMatchObject({ build: idOf(bad) })
    expect(await ask()).toMatchObject({ version: '1' })
    expect(await master.stop()).toBe(0)
    const next = await service.again()
    await next.master.next('worker-ready')
    expect(await next.ask()).toMatchObject({ version: '1' })
    // It is there to stay, and nobody tries it again.
    expect(await next.master.stop()).toBe(0)
    expect(next.master.events.filter(({ type }) => type === 'promotion-started')).toEqual([])
    const last = await service.again()
    await last.master.next('worker-ready')
    expect(exeOf(last.master)).toContain('/builds/')
  })

  test('that was installed anew by hand proves itself like a release', async () => {
    const service = await start({ node, version: '1' })
    put(executable({ node, version: '2' }), service.source)
    await committed(service, 0)
    expect(await service.master.stop()).toBe(0)
    put(executable({ node, version: '3' }), service.own)
    const next = await service.again()
    await committed(next, 0)
    await until('it serves', async () => (await next.ask()).version === '3')
    const generations = next.master.events.flatMap((event) => (event.type === 'worker-ready' ? [event.build] : []))
    expect(generations, 'what was committed served until then').toEqual([idOf(service.source), idOf(service.own)])
    expect(exeOf(next.master)).toBe(service.own)
  })

  test('whose code fails as a master is the program that was installed again, and serves', async () => {
    const first = 'if (!process.env.AUTOUP_PID && !process.env.AUTOUP_ROLE) process.exit(9)'
    const service = await start({ node, version: '1' })
    put(executable({ node, version: '2', first }), service.source)
    await committed(service, 0)
    expect(await service.master.stop()).toBe(0)
    for (let starts = 1; starts <= 3; starts++) expect(await (await service.again()).master.exited).toBe(9)
    const next = await service.again()
    await next.master.next('worker-ready')
    expect(exeOf(next.master)).toBe(service.own)
    expect(await next.ask()).toMatchObject({ version: '2' })
  })

  test('without the library of koffi says what to do, and runs the program without a master', async () => {
    const folder = temporaryDirectory()
    const own = join(folder, 'app')
    put(executable({ node, version: '1', assets: {} }), own)
    const { master, ask } = await startEmbedded([own])
    await until('it serves', () => ask().catch(() => null))
    expect(said(master)).toMatch(/built without the asset koffi\.node: .* the program runs without a master/)
    expect(await master.stop()).not.toBe(1)
  })
})
