import { spawn } from 'node:child_process'
import { cpSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask } from '../support/ask.ts'
import { nodeServer } from '../support/builds.ts'
import { limitedAutoup } from '../support/limited.ts'
import { AUTOUP, autoup, startMaster, temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'
import { freePort } from '../support/ports.ts'
import { childrenOf, endAll, isAlive } from '../support/processes.ts'
import { until } from '../support/until.ts'

const QUICK = ['--probation', '300ms', '--ready-timeout', '5s', '--drain-timeout', '5s']

/** Reads its mode from a file: whatever it is to do next. */
const MOODY = `import { readFileSync } from 'node:fs'
export default {
  scheme: 'moody',
  async check({ location }, known) {
    const mood = readFileSync(location + '/mood', 'utf8')
    if (mood === 'throws') throw new Error('the moon is full')
    if (mood === 'answers nonsense') return { kind: 'release', release: { version: 7 } }
    if (mood === 'ends the process') process.exit(0)
    if (mood === 'is busy for ever') for (;;);
    if (mood === 'rejects behind its back') { Promise.reject(new Error('unseen')); await new Promise(() => {}) }
    if (known === mood) return { kind: 'unchanged' }
    const release = { version: mood, name: 'app', size: null, digest: null, ordered: true, executable: true }
    return { kind: 'release', release, known: mood }
  },
  async fetch({ location }, { version }, into) {
    if (version === 'never comes') await new Promise((resolve) => setTimeout(resolve, 2 ** 31 - 1))
    const bytes = async function* () { yield readFileSync(location + '/app-' + version) }
    await into.artifact(async () => ({ from: 0, bytes: bytes() }), null)
  },
}
`

test('a service from a plugin goes on, whatever the plugin does, and upgrades when it is well again', async () => {
  const folder = temporaryDirectory()
  const port = await freePort()
  const feel = (mood: string) => writeFileSync(join(folder, 'mood'), mood)
  writeFileSync(join(folder, 'moody.mjs'), MOODY)
  for (const version of ['1.0.0', '2.0.0']) nodeServer({ version })(join(folder, `app-${version}`))
  feel('1.0.0')
  const fetch = ['--fetch', `./moody.mjs?${folder}`, '--interval', '1h', '--allow-unverified']
  const master = await startMaster({ cwd: folder, args: [...QUICK, ...fetch, '--listen', `127.0.0.1:${port}`] })
  await master.next('build-committed')
  for (const [mood, sentence] of [
    ['throws', 'the plugin ./moody.mjs cannot check: the moon is full'],
    ['answers nonsense', 'answered what is no release: release.version is 7, and not string'],
    ['ends the process', 'ended with status 0 before it came to a verdict'],
    ['rejects behind its back', 'before it came to a verdict'],
  ] as const) {
    feel(mood)
    const { code, stdout, stderr } = await master.cli('upgrade')
    expect({ mood, code, said: stdout + stderr }).toMatchObject({ code: 1, said: expect.stringContaining(sentence) })
    expect((await ask(port)).version).toBe('1.0.0')
  }
  feel('2.0.0')
  expect((await master.cli('upgrade')).code).toBe(0)
  expect((await ask(port)).version).toBe('2.0.0')
  expect(master.events.filter(({ type }) => type === 'worker-failed')).toEqual([])
})

test('a plugin that hangs, in a check or in a fetch, is ended with its stager, and the service goes on', async () => {
  const folder = temporaryDirectory()
  const port = await freePort()
  const feel = (mood: string) => writeFileSync(join(folder, 'mood'), mood)
  writeFileSync(join(folder, 'moody.mjs'), MOODY)
  for (const version of ['1.0.0', '2.0.0']) nodeServer({ version })(join(folder, `app-${version}`))
  feel('1.0.0')
  const fetch = ['--fetch', `./moody.mjs?${folder}`, '--interval', '1h', '--allow-unverified', '--allow-downgrade']
  const master = await startMaster({
    cwd: folder,
    program: limitedAutoup({ trust: { stagerMs: 3_000 } }),
    args: [...QUICK, ...fetch, '--listen', `127.0.0.1:${port}`],
  })
  await master.next('build-committed')
  for (const mood of ['is busy for ever', 'never comes']) {
    feel(mood)
    const { code, stdout, stderr } = await master.cli('upgrade')
    const said = 'the stager was ended after 3.0 s: the release took too long'
    expect({ mood, code, said: stdout + stderr }).toMatchObject({ code: 1, said: expect.stringContaining(said) })
    expect((await ask(port)).version).toBe('1.0.0')
  }
  feel('2.0.0')
  expect((await master.cli('upgrade')).code).toBe(0)
  expect((await ask(port)).version).toBe('2.0.0')
})

test('the example serves what its web server has', async () => {
  const folder = temporaryDirectory()
  const port = await freePort()
  cpSync('examples/custom-fetcher/version-file.mjs', join(folder, 'version-file.mjs'))
  nodeServer({ version: '1.0.0' })(join(folder, 'app-1.0.0'))
  const { createHash } = await import('node:crypto')
  const { readFileSync } = await import('node:fs')
  const bytes = readFileSync(join(folder, 'app-1.0.0'))
  const files: Record<string, string | Buffer> = {
    '/VERSION': '1.0.0\n',
    '/app-1.0.0': bytes,
    '/app-1.0.0.sha256': `${createHash('sha256').update(bytes).digest('hex')}\n`,
  }
  const server = createServer((request, response) => {
    const found = files[request.url ?? '']
    response.writeHead(found === undefined ? 404 : 200).end(found)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onEnd(() => server.close())
  const source = `./version-file.mjs?http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const args = [...QUICK, '--fetch', source, '--listen', `127.0.0.1:${port}`]
  const master = await startMaster({ cwd: folder, args })
  await master.next('build-committed')
  expect((await ask(port)).version).toBe('1.0.0')
  expect((await master.next('build-staged')).proofs).toEqual(['plugin-digest'])
})

test('a plugin that is not there is a usage error at the start', async () => {
  const { code, stderr } = await autoup(['run', '--fetch', './nothing.mjs', '--state-dir', temporaryDirectory()])
  expect({ code, stderr }).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/there is no plugin at .*nothing\.mjs/),
  })
})

test('a stager that hangs ends with whoever has started it, however he ends', async () => {
  const [folder, stateDir] = [temporaryDirectory(), temporaryDirectory()]
  const plugin = join(folder, 'hangs.mjs')
  writeFileSync(
    plugin,
    'export default { scheme: "hangs", check() { process.title = "hangs"; for (;;); }, fetch() {} }\n',
  )
  const words = ['stage', '--fetch', plugin, '--state-dir', stateDir, '--allow-unverified']
  const staging = spawn(process.execPath, [AUTOUP, ...words], { stdio: 'ignore' })
  onEnd(() => endAll(stateDir))
  onEnd(() => staging.kill('SIGKILL'))
  const stager = await until('the stager', () => childrenOf(staging.pid as number).find(({ name }) => name === 'hangs'))
  staging.kill('SIGKILL')
  await until('its end', () => !isAlive(stager.pid))
})
