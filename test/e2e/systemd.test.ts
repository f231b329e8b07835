/** What a master tells its own supervisor (sd_notify(3)), heard on a real socket. */

import { expect, test } from 'vitest'
import { gate, PATIENT } from '../support/gate.ts'
import { hold } from '../support/held.ts'
import { startMaster, temporaryDirectory } from '../support/master.ts'
import { plainApp } from '../support/plain-app.ts'
import { BY_HAND, startService } from '../support/service.ts'
import { supervisor } from '../support/supervisor.ts'

const CLOCK = String.raw`\d\d:\d\d`

test('READY comes with the first build that serves, and STATUS is one line for a person', async () => {
  const systemd = supervisor()
  const door = gate()
  const starting = startService({
    build: plainApp({ version: '1', waitsFor: door.opened }),
    args: [...BY_HAND, ...PATIENT],
    env: systemd.env,
  })
  starting.catch(() => {})
  await systemd.hears(/^STATUS=\S+ starts; checked/)
  expect(systemd.values('READY')).toEqual([])
  expect(systemd.values('EXTEND_TIMEOUT_USEC')).not.toEqual([])
  door.open()
  const { master } = await starting
  expect(await systemd.hears(/^READY=1/)).toBe(`READY=1\nMAINPID=${master.pid}`)
  const version = (await master.status()).current!.version
  expect(await systemd.hears(/^STATUS=\S+ serves; checked/)).toMatch(
    new RegExp(`^STATUS=${version} serves; checked ${CLOCK}; next ${CLOCK}$`),
  )
  await master.stop()
  expect(systemd.values('READY')).toEqual(['1'])
  expect(systemd.values('STOPPING')).toEqual(['1'])
})

test('a master with nothing to serve asks for no time: its start is to fail', async () => {
  const systemd = supervisor()
  const missing = `file:${temporaryDirectory()}/app`
  await startMaster({ args: ['--fetch', missing, '--ready', 'notify', ...BY_HAND], env: systemd.env })
  await systemd.hears(/^STATUS=nothing serves yet; check(ed| failed) \d/)
  expect(systemd.values('READY')).toEqual([])
})

test('a stop says that it may be started again, and only where it may', async () => {
  const systemd = supervisor()
  const [alone, supervised] = await Promise.all([
    startMaster({ args: ['--ready', 'uptime:10ms'], command: ['sleep', '600'] }),
    startMaster({ args: ['--ready', 'uptime:10ms'], command: ['sleep', '600'], env: systemd.env }),
  ])
  await Promise.all([alone.next('worker-ready'), supervised.next('worker-ready')])
  expect(await alone.cli('stop')).toMatchObject({ code: 0, stderr: 'app: stopped\n' })
  expect((await supervised.cli('stop')).stderr).toMatch(
    /^app: stopped; systemd starts it again where .*`systemctl stop`/,
  )
})

test('STOPPING comes first, and more time is asked for as long as a request is in flight', async () => {
  const systemd = supervisor()
  const service = await startService({ build: plainApp(), args: BY_HAND, env: systemd.env })
  const held = await hold(service.port)
  const since = systemd.messages.length
  service.master.signal('SIGTERM')
  await systemd.hears(/^EXTEND_TIMEOUT_USEC=[1-9]\d+$/, since)
  await systemd.hears(/^STATUS=finishes what is in flight, and stops/, since)
  // What it said of its service before it had heard of the signal may still come in.
  const told = systemd.messages.slice(since).filter((message) => !/^STATUS=\S+ serves/.test(message))
  expect(told[0]).toBe('STOPPING=1')
  await held.finish()
  expect(await service.master.exited).toBe(0)
})

test('HUP is RELOADING, with the time of the monotonic clock, and then READY again', async () => {
  const systemd = supervisor()
  const { master } = await startService({ build: plainApp(), args: BY_HAND, env: systemd.env })
  const since = systemd.messages.length
  const before = process.hrtime.bigint() / 1_000n
  master.signal('SIGHUP')
  const reloading = await systemd.hears(/^RELOADING=1/, since)
  const [, usec = ''] = /^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(reloading) ?? []
  expect(BigInt(usec)).toBeGreaterThan(before)
  expect(BigInt(usec)).toBeLessThan(process.hrtime.bigint() / 1_000n)
  await systemd.hears(/^READY=1$/, systemd.messages.indexOf(reloading))
})

test('WATCHDOG is said again and again, where it is set for this process', async () => {
  const systemd = supervisor()
  const { master } = await startService({
    build: plainApp(),
    args: BY_HAND,
    env: { ...systemd.env, WATCHDOG_USEC: '200000' },
  })
  const since = systemd.messages.length
  await systemd.hears(/^WATCHDOG=1$/, since)
  await systemd.hears(/^WATCHDOG=1$/, systemd.messages.length)
  await master.stop()
})

test('WATCHDOG of another process is not ours to feed', async () => {
  const systemd = supervisor()
  const env = { ...systemd.env, WATCHDOG_USEC: '20000', WATCHDOG_PID: '1' }
  const { master } = await startService({ build: plainApp(), args: BY_HAND, env })
  await master.stop()
  expect(systemd.values('WATCHDOG')).toEqual([])
})

test('workers hear nothing of it: what they say is not said to the supervisor of the master', async () => {
  const systemd = supervisor()
  const first = `require('node:fs').writeSync(2, 'mine: ' + (process.env.NOTIFY_SOCKET === ${JSON.stringify(systemd.env.NOTIFY_SOCKET)}) + '\\n')`
  const { master } = await startService({ build: plainApp({ first }), args: BY_HAND, env: systemd.env })
  await master.stop()
  expect(master.output.join('\n')).toContain('mine: false')
})

test('a supervisor that is gone is one warning, and the service runs', async () => {
  const env = { NOTIFY_SOCKET: `${temporaryDirectory()}/nobody` }
  const { master, ask } = await startService({ build: plainApp(), args: BY_HAND, env })
  expect(await ask()).toMatchObject({ version: '1' })
  const warnings = master.events.filter(
    (event) => event.type === 'warning' && /takes no notifications/.test(event.message),
  )
  expect(warnings).toHaveLength(1)
})
