import { expect, test } from 'vitest'
import { nodeServer } from '../support/builds.ts'
import { hold } from '../support/held.ts'
import { startMaster } from '../support/master.ts'
import { writtenTo } from '../support/node-apps.ts'
import { plainApp } from '../support/plain-app.ts'
import { kill } from '../support/processes.ts'
import { BY_HAND, startService } from '../support/service.ts'

/** As a statement: STOPPING=1, in the worker's own words. */
const SAY_STOPPING = `require('node:net').connect(process.env.AUTOUP_NOTIFY).end('STOPPING=1\\n')`

test('a build that says in its probation that it is stopping has failed, though it lives', async () => {
  const { master, publish, ask } = await startService({ args: BY_HAND })
  const stop = `server.close(); setInterval(() => {}, 1_000); ${SAY_STOPPING}`
  const last = `server.on('listening', () => setImmediate(() => { ${stop} }))`
  publish(nodeServer({ version: 'bad', last }))
  expect(await master.cli('upgrade')).toMatchObject({ code: 6, stderr: expect.stringContaining('STOPPING=1') })
  expect(await ask()).toMatchObject({ version: '1' })
})

test('a worker that somebody else asks to finish has a successor before it has ended', async () => {
  const { master, port, ask } = await startService({ args: BY_HAND, build: plainApp() })
  const before = await ask()
  const held = await hold(port)
  kill(before.pid, 'SIGTERM')
  await master.next('worker-draining')
  const after = await ask()
  expect(after.pid).not.toBe(before.pid)
  expect(await held.finish()).toMatchObject({ pid: before.pid })
})

test('who stops already is not asked a second time', async () => {
  const app = `
    process.on('SIGTERM', () => console.log('asked'))
    process.on('SIGWINCH', () => ${SAY_STOPPING})
    process.on('SIGUSR1', () => process.exit(0))
    setInterval(() => {}, 1_000)`
  const command = [process.execPath, writtenTo('app.cjs', app)]
  const master = await startMaster({ args: ['--no-preload', '--ready', 'uptime:100ms'], command })
  const { pid } = await master.next('worker-ready')
  kill(pid, 'SIGWINCH')
  await master.waitFor((event) => event.type === 'worker-started' && event.pid !== pid, 'successor')
  kill(pid, 'SIGUSR1')
  await master.waitFor((event) => event.type === 'worker-exited' && event.pid === pid && event.expected, 'end')
  expect(master.output).not.toContain('asked')
})
