/** What is about every app of a configuration file, when none is named. */

import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask } from '../support/ask.ts'
import { writeConfig } from '../support/configured.ts'
import { AUTOUP, autoup, type Finished, temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'
import { freePort } from '../support/ports.ts'
import { endAll } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { openTerminal } from '../support/tmux.ts'
import { until } from '../support/until.ts'

const { test: tmux } = needs('tmux')

interface Apps {
  readonly ports: readonly [web: number, api: number]
  readonly cwd: string
  readonly stateDir: string
  /** In the directory of the file, without a name. */
  cli(...words: string[]): Promise<Finished>
}

/** Two that serve, and with `isOneBad` a third whose program is not there. */
async function apps(isOneBad = false): Promise<Apps> {
  const cwd = temporaryDirectory()
  const stateDir = join(cwd, 'state')
  const [web, api, bad] = [await freePort(), await freePort(), await freePort()]
  writeConfig(cwd, {
    apps: {
      web: { command: ['./app'], listen: `127.0.0.1:${web}` },
      ...(isOneBad ? { bad: { command: ['node', './absent.js'], listen: `127.0.0.1:${bad}` } } : {}),
      api: { command: ['./app'], listen: `127.0.0.1:${api}` },
    },
  })
  onEnd(() => endAll(stateDir))
  // By the environment, which marks the masters as those of this test.
  return {
    ports: [web, api],
    cwd,
    stateDir,
    cli: (...words) => autoup(words, { cwd, env: { AUTOUP_STATE_DIR: stateDir } }),
  }
}

test('they are started, shown, restarted and stopped together', async () => {
  const { cli, ports } = await apps()
  const started = await cli('start')
  expect(started).toMatchObject({ code: 0, stderr: expect.stringMatching(/^web is ready.*$/m) })
  expect(started.stderr).toMatch(/^api is ready/m)
  const again = await cli('start')
  expect(again.stderr.split('\n').sort().join('\n')).toMatch(/^\napi is running, pid \d+\nweb is running, pid \d+$/)
  expect((await cli('status')).stdout).toMatch(/^web {2}● idle[\s\S]*\n\napi {2}● idle/)
  const statuses = (await cli('status', '--json')).stdout.trim().split('\n')
  expect(statuses.map((line) => JSON.parse(line).name)).toEqual(['web', 'api'])
  expect(await cli('restart')).toMatchObject({ code: 0 })
  // The worker that drains may take one more connection until it has seen its signal.
  for (const port of ports) await until('the new one answers', async () => (await ask(port)).generation === 2)
  const log = (await cli('logs', '--lines', '3')).stdout.trim().split('\n')
  expect(log.map((line) => line.slice(0, 5))).toEqual(['web  ', 'web  ', 'web  ', 'api  ', 'api  ', 'api  '])
  expect(await cli('upgrade')).toMatchObject({ code: 2, stderr: expect.stringContaining('name one of web, api') })
  expect(await cli('stop')).toMatchObject({ code: 0, stderr: expect.stringMatching(/^(\w+: stopped\n){2}$/) })
  expect(await cli('status')).toMatchObject({ code: 3, stdout: '' })
})

tmux('status --watch shows all of them, and which of them does not run', async () => {
  const { cli, cwd, stateDir } = await apps()
  await cli('start')
  const terminal = openTerminal({ cwd, env: { AUTOUP_STATE_DIR: stateDir }, rows: 40 })
  terminal.keys(`clear; ${process.execPath} ${AUTOUP} status --watch; echo exit=$?`, 'Enter')
  await terminal.shows(/^web {2}● idle[\s\S]*^api {2}● idle/m)
  await cli('stop', 'web')
  await terminal.shows(/^web {2}● does not run\n\napi {2}● idle/m)
  await cli('start', 'web')
  await terminal.shows(/^web {2}● idle[\s\S]*^api {2}● idle/m)
  await cli('stop')
  await terminal.shows(/autoup: web, api have ended: start them with `autoup start`\nexit=3/)
})

test('one that does not start, or does not run, stops none of the others, and its status is that of the command', async () => {
  const { cli, ports } = await apps(true)
  const started = await cli('start')
  expect(started.code).toBe(1)
  expect(started.stderr).toMatch(/^autoup: bad did not start: exited with 1/m)
  for (const port of ports) expect(await ask(port)).toMatchObject({ generation: 1 })
  for (const command of ['restart', 'status', 'stop']) {
    expect(await cli(command)).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^autoup: 'bad' is not running/m),
    })
  }
  expect((await cli('logs')).stdout).toMatch(
    /^web .*has stopped\n[\s\S]*^bad .*died: exited with 1[\s\S]*^api .*has stopped\n/m,
  )
})

test('an option that is about one app asks for its name', async () => {
  const { cli } = await apps()
  expect(await cli('start', '--listen', '127.0.0.1:0')).toMatchObject({
    code: 2,
    stderr: 'autoup: autoup.config.json has several apps: name one of web, api\n',
  })
})
