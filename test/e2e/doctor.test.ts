import { once } from 'node:events'
import { appendFileSync, chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Diagnosis, Finding } from '../../src/core/finding.ts'
import { acquireLock } from '../../src/system/lock.ts'
import { nodeServer, publish } from '../support/builds.ts'
import { autoup, temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'
import { freePort } from '../support/ports.ts'
import { BY_HAND, type Service, startService } from '../support/service.ts'

interface Examined extends Diagnosis {
  readonly code: number | null
  of(check: string): Finding | undefined
}

async function examine(content: unknown, words: string[] = [], env: Record<string, string> = {}): Promise<Examined> {
  const cwd = temporaryDirectory()
  publish(join(cwd, 'app'), nodeServer({ version: '1' }))
  const text = typeof content === 'string' ? content : JSON.stringify(content)
  writeFileSync(join(cwd, 'autoup.config.json'), text)
  const { code, stdout, stderr } = await autoup(['doctor', '--json', ...words], { cwd, env })
  expect(stderr).toBe('')
  return understand(code, stdout)
}

function understand(code: number | null, stdout: string): Examined {
  const diagnosis = JSON.parse(stdout) as Diagnosis
  return { ...diagnosis, code, of: (check) => diagnosis.findings.find((finding) => finding.check === check) }
}

describe('before a start', () => {
  test('each value has its origin, and what would work is ok', async () => {
    const port = await freePort()
    const content = {
      apps: { web: { fetch: 'file:./app', listen: `127.0.0.1:${port}`, probation: '5s' } },
      'state-dir': 'state',
    }
    const { code, name, values, findings, of } = await examine(content, ['web', '--instances', '2'], {
      AUTOUP_PROBATION: '3s',
    })
    expect({ code, name }, JSON.stringify(findings)).toEqual({ code: 0, name: 'web' })
    const value = (option: string) => values.find((each) => each.option === option)
    expect(value('instances')).toMatchObject({ value: '2', origin: 'flag', from: '--instances' })
    expect(value('probation')).toMatchObject({ value: '3s', origin: 'environment', from: 'AUTOUP_PROBATION' })
    expect(value('fetch')).toMatchObject({
      value: 'file:./app',
      origin: 'file',
      from: 'autoup.config.json: apps.web.fetch',
    })
    expect(value('interval')).toMatchObject({ value: '1s', origin: 'default' })
    expect(value('keep')).toMatchObject({ value: '3', origin: 'default', from: 'default' })
    expect(of('listen')).toMatchObject({ level: 'ok', message: `127.0.0.1:${port} is free` })
    expect(of('source')).toMatchObject({ level: 'ok', message: expect.stringContaining('vouched for by local-file') })
    expect(of('master')).toMatchObject({ level: 'ok', message: 'does not run' })
    for (const check of ['node', 'libc', 'disk', 'state-dir', 'landlock', 'seccomp', 'stager'])
      expect(of(check), check).toBeDefined()
  })

  test('it leaves nothing behind', async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('autoup-doctor-'))
    const stateDir = join(temporaryDirectory(), 'state')
    await examine({ fetch: 'file:./app', listen: `127.0.0.1:${await freePort()}`, 'state-dir': stateDir })
    expect(existsSync(stateDir)).toBe(false)
    const after = readdirSync(tmpdir()).filter((name) => name.startsWith('autoup-doctor-'))
    expect(after.filter((name) => !before.includes(name))).toEqual([])
  })

  test('a port that somebody else has is a failure that says who', async () => {
    const blocker = net.createServer().listen(0, '127.0.0.1')
    await once(blocker, 'listening')
    onEnd(() => blocker.close())
    const { port } = blocker.address() as net.AddressInfo
    const { code, of } = await examine({ command: ['./app'], listen: `127.0.0.1:${port}` })
    expect(code).toBe(1)
    expect(of('listen')).toMatchObject({ level: 'fail', message: expect.stringContaining(`(pid ${process.pid})`) })
  })

  test.each<[string, object, string, string, RegExp]>([
    ['a source that does not answer', { fetch: 'https://127.0.0.1:1/app' }, 'source', 'fail', /127\.0\.0\.1/],
    ['a source with nothing in it', { fetch: 'file:./nowhere' }, 'source', 'fail', /nowhere/],
    ['a program that is not there', { command: ['./nowhere'] }, 'command', 'fail', /nowhere/],
    ['nothing that shows that it serves', { command: ['sleep', '1'] }, 'ready', 'warn', /--listen/],
    ['no folder for a socket', { command: ['./app'], listen: 'unix:/nowhere/app.sock' }, 'listen', 'fail', /\/nowhere/],
    ['a server that is known', { command: ['nginx'], listen: 'unix:/tmp/x.sock' }, 'preset', 'ok', /SIGQUIT/],
  ])('%s', async (_what, content, check, level, message) => {
    const { code, of, findings } = await examine({ name: 'app', ready: 'auto', ...content, 'state-dir': 'state' })
    expect(of(check), JSON.stringify(findings)).toMatchObject({ level, message: expect.stringMatching(message) })
    if (level === 'fail') expect(code).toBe(1)
  })

  test('a file with a mistake is its first finding', async () => {
    const { code, findings } = await examine('{\n  "fetch": 1,\n}')
    expect(code).toBe(1)
    expect(findings).toEqual([
      { check: 'config', level: 'fail', message: expect.stringMatching(/^autoup\.config\.json:3:1: this is not JSON/) },
    ])
  })

  test('a state directory that others may write to', async () => {
    const stateDir = temporaryDirectory()
    mkdirSync(join(stateDir, 'app'))
    chmodSync(join(stateDir, 'app'), 0o777)
    const { of } = await examine({ name: 'app', command: ['./app'], listen: 'unix:/tmp/x.sock', 'state-dir': stateDir })
    expect(of('state-dir')).toMatchObject({ level: 'warn', message: expect.stringContaining('chmod go-w') })
  })
})

/** What it was started with. */
function wordsOf({ master, port, path }: Service): string[] {
  return [
    ...[master.name, '--state-dir', master.stateDir],
    ...['--fetch', `file:${path}`, '--listen', `127.0.0.1:${port}`],
  ]
}

describe('of a master', () => {
  test('that runs, its sockets are its own, and nothing of it is disturbed', async () => {
    const service = await startService({ args: BY_HAND })
    const { master, port } = service
    const before = readFileSync(join(master.home, 'state.json'), 'utf8')
    const words = wordsOf(service)
    const { code, stdout, stderr } = await autoup(['doctor', '--json', ...words])
    const { of, findings } = understand(code, stdout)
    expect({ code, stderr }, JSON.stringify(findings)).toEqual({ code: 0, stderr: '' })
    expect(of('listen')?.message).toBe(`127.0.0.1:${port} is held by the master that runs (pid ${master.pid})`)
    expect(of('master')?.message).toBe(`runs as pid ${master.pid}`)
    expect(of('build')?.message).toContain('committed and whole')
    expect(readFileSync(join(master.home, 'state.json'), 'utf8')).toBe(before)
    expect(await service.ask()).toMatchObject({ generation: 1 })

    const text = await autoup(['doctor', ...words])
    expect(text.stdout).toMatch(/^ {2}fetch +file:.* +--fetch$/m)
    expect(text.stdout).toMatch(/All is well\.\n$/)
  })

  test('that holds its lock and does not answer is not said to be gone', async () => {
    const stateDir = temporaryDirectory()
    mkdirSync(join(stateDir, 'app'))
    const lock = acquireLock(join(stateDir, 'app', 'lock'))
    onEnd(() => lock.release())
    writeFileSync(join(stateDir, 'app', 'control.sock'), '')
    const { code, findings } = await examine({ name: 'app', command: ['./app'], 'state-dir': stateDir })
    expect(code).toBe(1)
    expect(findings.filter(({ check }) => check === 'master' || check === 'leftovers')).toEqual([
      { check: 'master', level: 'fail', message: expect.stringContaining(`process ${process.pid} holds its lock`) },
    ])
  })

  test('that was killed, its workers and a build that somebody changed are told', async () => {
    const service = await startService({ args: BY_HAND })
    const { master } = service
    const words = wordsOf(service)
    const [worker] = (await master.status()).workers
    await master.kill9()
    const tree = join(master.home, 'current', 'tree')
    const [file] = readdirSync(tree)
    appendFileSync(join(tree, file!), '\n')
    const { code, stdout } = await autoup(['doctor', '--json', ...words])
    const { of, findings } = understand(code, stdout)
    expect(findings.find(({ check, level }) => check === 'leftovers' && level === 'warn')?.message).toContain(
      `${worker!.pid}`,
    )
    expect(of('build')).toMatchObject({ level: 'warn', message: expect.stringContaining('is not as it was sealed') })
    // Its own workers hold the socket, which the next master takes back.
    expect(of('listen')).toMatchObject({ level: 'ok', message: expect.stringContaining('killed master') })
    expect(code).toBe(0)
  })
})
