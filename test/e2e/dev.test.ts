/** `autoup dev`: what somebody who writes an app sees, with a real tree, a real watcher and real workers. */

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ask } from '../support/ask.ts'
import { startDev } from '../support/dev.ts'
import { hold } from '../support/held.ts'
import { AUTOUP, autoup, startMaster, temporaryDirectory } from '../support/master.ts'
import { plainText } from '../support/plain-app.ts'
import { freePort } from '../support/ports.ts'
import { isAlive } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { openTerminal } from '../support/tmux.ts'
import { until } from '../support/until.ts'

test('a saved file is swapped in, and what is in flight is answered by the one before', async () => {
  const dev = await startDev()
  await dev.master.next('worker-ready')
  expect(await dev.ask()).toMatchObject({ version: '1' })
  const slow = await hold(dev.port)
  const since = dev.master.mark()
  dev.write('server.js', plainText({ version: '2' }))
  expect(await dev.changed(since)).toMatchObject({ paths: ['server.js'], count: 1 })
  await dev.master.next('promotion-ready', { since })
  await until('the new one answers', async () => (await dev.ask()).version === '2')
  expect(await slow.finish()).toMatchObject({ version: '1' })
})

describe('a file that does not run', () => {
  test('leaves the last one that worked, with the words of the app and of autoup, until it is mended', async () => {
    const dev = await startDev()
    await dev.master.next('worker-ready')
    const { pid } = await dev.ask()
    const since = dev.master.mark()
    dev.write('server.js', 'throw new Error("half an idea")')
    const failed = await dev.master.next('promotion-failed', { since })
    expect(failed.reason).toMatch(/exited with/)
    expect(dev.master.output.join('\n')).toMatch(/Error: half an idea/)
    expect(await dev.ask()).toMatchObject({ version: '1', pid })
    expect((await dev.master.status()).quarantine).toEqual([])
    const later = dev.master.mark()
    dev.write('server.js', plainText({ version: '2' }))
    await dev.master.next('promotion-ready', { since: later })
    await until('the new one answers', async () => (await dev.ask()).version === '2')
  })

  test('from the start is run again with the next change, and not before', async () => {
    const dev = await startDev({ server: 'throw new Error("not yet")' })
    expect(await dev.master.next('worker-failed')).toMatchObject({ retryInMs: null })
    const since = dev.master.mark()
    dev.write('server.js', plainText({ version: '2' }))
    await dev.master.next('promotion-ready', { since })
    expect(await dev.ask()).toMatchObject({ version: '2' })
    expect(dev.master.events.filter(({ type }) => type === 'worker-started')).toHaveLength(2)
  })

  test('nor comes to an end is overtaken by the next save', async () => {
    const dev = await startDev()
    await dev.master.next('worker-ready')
    const since = dev.master.mark()
    dev.write('server.js', 'setInterval(() => {}, 1_000)')
    const hanging = await dev.master.next('worker-started', { since })
    dev.write('server.js', plainText({ version: '3' }))
    await dev.master.next('promotion-ready', { since })
    await until('the new one answers', async () => (await dev.ask()).version === '3')
    await until('the overtaken one has ended', () => !isAlive(hanging.pid))
  })
})

test('state and output in the tree are no change of it', async () => {
  const dev = await startDev({
    args: (directory) => ['--state-dir', join(directory, 'state')],
    server: plainText({ last: "setInterval(() => process.stdout.write('a line\\n'), 20)" }),
  })
  await dev.master.next('worker-ready')
  const since = dev.master.mark()
  dev.write('lib/new.js', '')
  expect(await dev.changed(0)).toMatchObject({ paths: ['lib/new.js'], count: 1 })
  await dev.master.next('promotion-ready', { since })
})

test('the command and its sockets may stand in autoup.config.json', async () => {
  const directory = realpathSync(temporaryDirectory())
  const port = await freePort()
  writeFileSync(join(directory, 'server.js'), plainText({}))
  const config = { apps: { web: { listen: `127.0.0.1:${port}`, command: ['node', 'server.js'] } } }
  writeFileSync(join(directory, 'autoup.config.json'), JSON.stringify(config))
  const env = { TEST_PORT: String(port), XDG_RUNTIME_DIR: temporaryDirectory() }
  const words = [process.execPath, AUTOUP, 'dev', 'web', '--log-format', 'json']
  const master = await startMaster({ embedded: words, cwd: directory, env, stateDir: env.XDG_RUNTIME_DIR })
  expect(await master.next('worker-ready')).toMatchObject({ generation: 1 })
  expect(await ask(port)).toMatchObject({ version: '1' })
  expect(await master.stop()).toBe(0)
})

test.each([
  ['nothing to run', [], 2, /there is nothing to run|there is no command/],
  ['a tree that is not there', ['--watch', '/no/such', '--', 'true'], 2, /cannot watch \/no\/such: ENOENT/],
  ['an option of releases', ['--fetch', 'file:x', '--', 'true'], 2, /--fetch/],
])('%s is one sentence', async (_, words, code, sentence) => {
  const run = await autoup(['dev', ...words], {
    cwd: temporaryDirectory(),
    env: { XDG_RUNTIME_DIR: temporaryDirectory() },
  })
  expect(run).toMatchObject({ code, stderr: expect.stringMatching(sentence) })
  expect(run.stderr.trim().split('\n')).toHaveLength(1)
})

test('a folder for the state that others can write to is not taken', async () => {
  const runtime = temporaryDirectory()
  mkdirSync(join(runtime, `autoup-dev-${process.geteuid?.()}`), { mode: 0o777 })

  execFileSync('chmod', ['777', join(runtime, `autoup-dev-${process.geteuid?.()}`)])
  const run = await autoup(['dev', '--', 'true'], {
    cwd: mkdtempSync(join(runtime, 'x')),
    env: { XDG_RUNTIME_DIR: runtime },
  })
  expect(run).toMatchObject({ code: 1, stderr: expect.stringMatching(/is somebody else's/) })
})

needs('tmux').test('on a terminal it is short, clears nothing, and Ctrl-C ends all of it', async () => {
  const directory = realpathSync(temporaryDirectory())
  const port = await freePort()
  const save = (text: string) => writeFileSync(join(directory, 'server.js'), text)
  save(plainText({ first: "console.log('hello from the app')" }))
  const terminal = openTerminal({ env: { TEST_PORT: String(port), XDG_RUNTIME_DIR: temporaryDirectory() } })
  terminal.keys(
    `clear; cd ${directory}; ${process.execPath} ${AUTOUP} dev --listen 127.0.0.1:${port} -- node server.js; echo exit=$?`,
    'Enter',
  )
  await terminal.shows(/autoup: ready after/)
  await terminal.shows(/autoup: follows/)
  const { pid } = (await ask(port)) as { pid: number }
  save('throw new Error("half an idea")')
  const text = await terminal.shows(/autoup: the new one failed/)
  expect(text).toMatch(
    /hello from the app[\s\S]*autoup: server\.js\n[\s\S]*Error: half an idea[\s\S]*the new one failed/,
  )
  expect(text.split('\n').filter((line) => line.startsWith('autoup: ')).length).toBeLessThanOrEqual(5)
  terminal.keys('C-c')
  await terminal.shows(/exit=0/)
  await until('the worker has ended', () => !isAlive(pid))
})

test('without --listen the one before ends first, since the command binds its socket itself', async () => {
  const directory = realpathSync(temporaryDirectory())
  const port = await freePort()
  const save = (text: string) => writeFileSync(join(directory, 'server.js'), text)
  save(plainText({}))
  const env = { TEST_PORT: String(port), XDG_RUNTIME_DIR: temporaryDirectory() }
  const words = [process.execPath, AUTOUP, 'dev', '--name', 'app', '--log-format', 'json', '--', 'node', 'server.js']
  const master = await startMaster({ embedded: words, cwd: directory, env, stateDir: env.XDG_RUNTIME_DIR })
  await master.next('worker-ready')
  await master.next('watch-started')
  const since = master.mark()
  save(plainText({ version: '2' }))
  await master.next('promotion-ready', { since })
  expect(await ask(port)).toMatchObject({ version: '2' })
  const broken = master.mark()
  save('throw new Error("half an idea")')
  await master.next('worker-failed', { since: broken })
  const mended = master.mark()
  save(plainText({ version: '3' }))
  await master.next('promotion-ready', { since: mended })
  expect(await ask(port)).toMatchObject({ version: '3' })
})
