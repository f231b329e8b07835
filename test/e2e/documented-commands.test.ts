/**
 * Every `autoup run`, `start` and `dev` of the documentation, as it stands there: typed into a shell in a folder that has
 * what the line names, on ports of the test's own, it serves the version that it should.
 */

import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { autoupLines, PAGES, shellLines } from '../docs/pages.ts'
import { ask } from '../support/ask.ts'
import { assetsOf, documented, hasWebSites, VERSIONS } from '../support/documented.ts'
import { needs } from '../support/requirements.ts'
import { until } from '../support/until.ts'

/** What `autoup NAME` is about where the page shows none. */
const SEVERAL = JSON.stringify({ apps: { web: { command: ['node', 'server.js'], listen: 8080 } } })

const lines = new Map(
  PAGES.flatMap((page) => autoupLines(page))
    .filter(({ text }) => /^autoup (?:run|start|dev|doctor|stage|explain)\b(?!.*--(?:help|names))/.test(text))
    .map((line) => [line.text, line]),
)

for (const { text, config } of lines.values()) {
  const [, command = '', name] = /^autoup (\w+)(?: (\w+)$)?/.exec(text) ?? []
  const isWhole = /--fetch| -- /.test(text) || command === 'explain'
  const shown = isWhole ? null : (config ?? (name === undefined ? null : SEVERAL))
  const programs = ['gunicorn', 'python3'].filter((program) => text.includes(program))
  needs(...programs, ...(hasWebSites(`${text} ${shown ?? ''}`) ? ['openssl'] : [])).test(text, async () => {
    const world = await documented(`${text} ${shown ?? ''}`)
    if (shown !== null) writeFileSync(join(world.folder, 'autoup.config.json'), world.own(shown))
    if (command === 'explain') expect(await world.run(text)).toMatchObject({ code: 0, stdout: /^→ app-linux-/ })
    else if (command === 'doctor') expect(await world.run(text)).toMatchObject({ code: 0 })
    else if (command === 'start') {
      expect(await world.run(text)).toMatchObject({ code: 0 })
      await serves()
      expect(await world.run('autoup stop')).toMatchObject({ code: 0 })
    } else {
      const master = await world.master(text)
      await master.next('worker-ready')
      await serves()
      if (/--(?:before|after)-/.test(text)) await master.next('build-committed')
      expect(await master.stop()).toBe(0)
    }

    /** `--no-wait` came back before. */
    async function serves(): Promise<void> {
      const version = await until('it serves', () => ask(world.port).catch(() => null))
      const isLocal = !/(?:github|https|npm):|--fetch '?[.@]/.test(`${text} ${shown}`)
      const [pinned, highest] = VERSIONS
      expect(version).toMatchObject({
        version: isLocal ? 'local' : /@(?:\^1\.2|1\.4\.2)/.test(text) ? pinned : highest,
      })
    }
  })
}

test('the three lines at the top of README.md, one after the other', async () => {
  const [run = '', upgrade = '', signal = ''] = shellLines('README.md')
  const { github, master: started, run: type, port } = await documented(run)
  const master = await started(run)
  await master.next('build-committed')
  github?.publish('v3.0.0', { assets: assetsOf('3.0.0') })
  expect(await type(upgrade)).toMatchObject({ code: 0 })
  expect(await ask(port)).toMatchObject({ version: '3.0.0' })
  github?.publish('v4.0.0', { assets: assetsOf('4.0.0') })
  expect(await type(signal.replace('<pid>', String(master.pid)))).toMatchObject({ code: 0 })
  await until('it serves the last one', async () => (await ask(port)).version === '4.0.0')
  expect(await master.stop()).toBe(0)
})

needs('curl').test('what examples/node-server/README.md says to try', async () => {
  const [run = '', ...rest] = shellLines('examples/node-server/README.md')
  const { folder, master: started, run: type, port } = await documented(run)
  cpSync('examples/node-server/server.mjs', join(folder, 'server.mjs'))
  const master = await started(run)
  await master.next('build-committed')
  const answers: string[] = []
  for (const line of rest) {
    const since = master.mark()
    const { code, stdout } = await type(line)
    expect(code, line).toBe(0)
    if (line.startsWith('curl ')) answers.push(stdout)
    else await master.next('worker-ready', { since })
  }
  expect(answers.map((answer) => JSON.parse(answer))).toMatchObject([{ version: '1' }, { version: '2' }])
  expect((await ask(port)).version).toBe('2')
  expect(await master.stop()).toBe(0)
})
