import { describe, expect, test } from 'vitest'
import { type Artifact, archive, directory, nodeServer, pythonServer } from '../support/builds.ts'
import { needs } from '../support/requirements.ts'
import { BY_HAND, startService } from '../support/service.ts'

type Build = (version: string) => Artifact

function swaps(build: Build): void {
  test('a request of 5 s is finished by the old build while a new file put in place already serves', async () => {
    const service = await startService({ build: build('1') })
    const slow = service.ask('/slow?ms=5000')
    const since = service.master.mark()
    service.publish(build('2'))
    // Not at `promotion-ready`: the old worker stops to accept when its signal reaches it, a moment later.
    await service.master.next('build-committed', { since })
    expect(await service.ask()).toMatchObject({ version: '2', generation: 2 })
    expect(await slow).toMatchObject({ version: '1', generation: 1 })
    expect((await service.master.status()).pid).toBe(service.master.pid)
  })

  test('USR2 and then `autoup upgrade` do the same, and nothing is checked before', async () => {
    const service = await startService({ build: build('1'), args: BY_HAND })
    const first = service.ask('/slow?ms=5000')
    service.publish(build('2'))
    const since = service.master.mark()
    service.master.signal('SIGUSR2')
    await service.master.next('build-committed', { since })
    const second = service.ask('/slow?ms=5000')
    expect(await service.ask()).toMatchObject({ version: '2' })
    service.publish(build('3'))
    const upgrade = await service.master.cli('upgrade')
    expect(upgrade, upgrade.stderr).toMatchObject({ code: 0 })
    expect(await service.ask()).toMatchObject({ version: '3', generation: 3 })
    expect((await first).version).toBe('1')
    expect((await second).version).toBe('2')
    expect((await service.master.status()).pid).toBe(service.master.pid)
  })
}

describe('a node server', () => swaps((version) => nodeServer({ version })))
needs('python3').describe('a python server that says nothing', () => swaps((version) => pythonServer(version)))

const shapes: [string, string, Build][] = [
  ['a .tar.gz', 'app-linux-x64.tar.gz', (version) => archive(nodeServer({ version }))],
  ['a directory', 'release', (version) => directory(nodeServer({ version }), { 'share.txt': version })],
]

test.each(shapes)('%s is a release as well', async (_, file, build) => {
  const service = await startService({ file, build: build('1') })
  expect(await service.ask()).toMatchObject({ version: '1' })
  const since = service.master.mark()
  service.publish(build('2'))
  await service.master.next('build-committed', { since })
  expect(await service.ask()).toMatchObject({ version: '2' })
})

test('USR2 restarts gracefully where nothing is new', async () => {
  const service = await startService({ args: BY_HAND })
  const before = await service.ask()
  service.master.signal('SIGUSR2')
  await service.master.waitFor((event) => event.type === 'settled' && event.outcome === 'restarted', 'restart')
  await service.master.waitFor((event) => event.type === 'worker-exited' && event.pid === before.pid, 'end of the old')
  const after = await service.ask()
  expect(after).toMatchObject({ version: '1', generation: 2 })
  expect(after.pid).not.toBe(before.pid)
})
