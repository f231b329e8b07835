import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { diesAt } from '../support/builds.ts'
import { gate } from '../support/gate.ts'
import { onEnd } from '../support/on-end.ts'
import { kill } from '../support/processes.ts'
import { BY_HAND, startService } from '../support/service.ts'
import { until } from '../support/until.ts'

/** Longer than a pause that may be mere load, and than the watchdog of the test. */
const STALL_MS = 2_500

function isDead(pid: number): boolean {
  return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
}

test('a build that dies in probation while the master is stopped is not committed, however long that takes', async () => {
  const probationMs = 1_000
  const { master, publish, ask } = await startService({ args: [...BY_HAND, '--probation', `${probationMs}ms`] })
  const dying = gate()
  publish(diesAt(dying))
  master.signal('SIGUSR2')
  const ready = await master.waitFor((event) => event.type === 'worker-ready' && event.generation === 2, 'the new one')
  const readyAt = performance.now()
  master.signal('SIGSTOP')
  dying.open()
  await until('its end', () => ready.type === 'worker-ready' && isDead(ready.pid))
  await until('the end of the probation', () => performance.now() > readyAt + probationMs)
  master.signal('SIGCONT')
  const verdict = await master.waitFor(
    (event) =>
      (event.type === 'build-committed' || event.type === 'promotion-failed') && event.build === buildOf(ready),
    'verdict',
  )
  expect(verdict, master.story()).toMatchObject({ type: 'promotion-failed', reason: /exited with 1/ })
  expect(await ask()).toMatchObject({ version: '1' })
})

function buildOf(event: object): unknown {
  return 'build' in event ? event.build : undefined
}

test('where master and workers are frozen together (docker pause), nobody has missed his watchdog', async () => {
  const { master, ask } = await startService({ args: [...BY_HAND, '--watchdog', '1s'] })
  const { pid } = await ask()
  const frozen = [master.pid, pid]
  onEnd(() => kill(pid, 'SIGCONT'))
  for (const each of frozen) kill(each, 'SIGSTOP')
  const thawAt = performance.now() + STALL_MS
  await until('the end of the frost', () => performance.now() > thawAt)
  for (const each of frozen) kill(each, 'SIGCONT')
  // What was late for the master is ended before it answers.
  await master.status()
  expect(await ask()).toMatchObject({ pid })
  expect(master.events.filter(({ type }) => type === 'worker-failed')).toEqual([])
})

test('whoever asks a master that is stopped is told so, whatever he asks for', async () => {
  const { master, port, path } = await startService({ args: BY_HAND })
  master.signal('SIGSTOP')
  const commands = ['status', 'upgrade', 'restart', 'stop']
  const asked = await Promise.all(commands.map((command) => master.cli(command)))
  for (const each of asked) {
    expect(each).toMatchObject({ code: 4, stderr: expect.stringContaining(`end it with \`kill -9 ${master.pid}\``) })
  }
  const { stdout } = await master.cli('doctor', '--listen', `127.0.0.1:${port}`, '--fetch', `file:${path}`)
  expect(stdout).toContain(`127.0.0.1:${port} is held by the master that runs (pid ${master.pid})`)
  master.signal('SIGCONT')
})
