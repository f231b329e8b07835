/**
 * What bingo's `daemon start`, `restart` and `stop` promise, kept by autoup: an app of a directory with its settings in
 * a file, in the background. What its `watch` promises has a file of its own.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask } from '../../support/ask.ts'
import { publish } from '../../support/builds.ts'
import { daemon } from '../../support/daemon.ts'
import { hold } from '../../support/held.ts'
import { autoup, temporaryDirectory } from '../../support/master.ts'
import { plainApp } from '../../support/plain-app.ts'
import { freePort } from '../../support/ports.ts'
import { isAlive } from '../../support/processes.ts'
import { areGone } from '../../support/swap.ts'

/** A directory with an app and its file of settings; commands are typed there, without a name. */
async function project() {
  const folder = temporaryDirectory()
  const port = await freePort()
  const site = daemon({ name: 'site' })
  mkdirSync(join(folder, 'logs'))
  publish(join(folder, 'start'), plainApp())
  writeFileSync(
    join(folder, 'autoup.config.json'),
    JSON.stringify({
      name: 'site',
      command: ['./start'],
      listen: `127.0.0.1:${port}`,
      'state-dir': site.stateDir,
      'log-file': 'logs/site.log',
      'log-keep': 2,
    }),
  )
  const run = (...words: string[]) => autoup(words, { cwd: folder, env: { TEST_PORT: String(port) } })
  return { ...site, folder, port, run, log: join(folder, 'logs/site.log') }
}

test('start, restart and stop of the app in this directory, as its file says', async () => {
  const app = await project()
  const started = await app.run('start')
  const pid = app.pid()
  expect(started).toMatchObject({ code: 0, stderr: `site is ready, pid ${pid}; log: ${app.log}\n` })
  const old = await ask(app.port)
  publish(join(app.folder, 'start'), plainApp({ version: '2' }))
  const held = await hold(app.port)
  expect(await app.run('restart')).toMatchObject({ code: 0 })
  expect(await held.finish()).toMatchObject({ version: '1', pid: old.pid })
  await areGone(old.pid)
  expect(await ask(app.port)).toMatchObject({ version: '2' })
  expect(app.pid()).toBe(pid)
  expect(await app.run('logs')).toMatchObject({ code: 0, stdout: expect.stringContaining('the command was restarted') })
  expect(await app.run('stop')).toMatchObject({ code: 0, stderr: 'site: stopped\n' })
  expect(isAlive(pid)).toBe(false)
})

test('a mistake in the file is told before anything is started', async () => {
  const app = await project()
  writeFileSync(join(app.folder, 'autoup.config.json'), '{"command": ["./start"], "log-size": "big"}')
  const started = await app.run('start')
  expect(started).toEqual({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(/^autoup: autoup\.config\.json: log-size: 'big' is not a size: [^\n]*\n$/),
  })
})
