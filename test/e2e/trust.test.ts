/**
 * What an operator says about trust, and what stands in its way, through a running master: the age of a release, the
 * ratchet and its reset, a pin that goes back, a disk that is full in the middle of a download, strangers on the same
 * machine.
 */

import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask } from '../support/ask.ts'
import { nodeServer } from '../support/builds.ts'
import { smallDisk } from '../support/faults-disk.ts'
import { startGithub } from '../support/github-server.ts'
import { startMaster } from '../support/master.ts'
import { freePort } from '../support/ports.ts'
import { needs } from '../support/requirements.ts'
import { startService } from '../support/service.ts'
import { buildOf, bytesOf, startVictim } from '../support/victim.ts'
import { newSigner, signatureOf } from '../trust/minisign-signer.ts'

const HOUR_MS = 3_600_000

test('threat: a release of a moment ago, under --min-age', async () => {
  const victim = await startVictim({ args: ['--min-age', '1h'] })
  victim.offer({ version: '2.0.0', ageMs: HOUR_MS / 2 })
  const young = await victim.upgrade()
  expect(young).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/2\.0\.0 is 30 min old, and --min-age asks for/),
  })
  const { lastCheck } = await victim.master.status()
  expect(lastCheck).toMatchObject({ result: 'incomplete', message: expect.stringContaining('--min-age') })
  // Not a byte of it was asked for.
  expect(victim.web.requests.filter(({ line }) => line === 'GET /app-2.0.0.tar.gz')).toEqual([])
  await victim.unharmed()
  const since = victim.master.mark()
  victim.offer({ version: '2.0.1', ageMs: HOUR_MS - 1_500 })
  expect(await victim.upgrade()).toMatchObject({ code: 1 })
  // When it is old enough, nobody has to ask.
  await victim.master.next('build-committed', { since })
  await victim.unharmed({ version: '2.0.1' })
})

test('threat: a signature that is left out, once the key is no longer asked for, until --reset-trust', async () => {
  const signer = newSigner()
  const victim = await startVictim({ args: ['--public-key', signer.line], signer })
  expect((await victim.master.status()).current).toMatchObject({ proofs: ['minisign', 'https-digest'] })
  victim.offer({ version: '2.0.0' })
  const unsigned = await victim.upgrade()
  expect(unsigned).toMatchObject({
    code: 5,
    stderr: expect.stringMatching(/has no signature app-2\.0\.0\.tar\.gz\.minisig/),
  })
  victim.offer({ version: '2.0.1', signer: newSigner('c0ffee0000000002') })
  expect(await victim.upgrade()).toMatchObject({ code: 5 })
  await victim.unharmed()

  const master = await victim.again([])
  victim.offer({ version: '2.0.2' })
  const weaker = await master.cli('upgrade')
  expect(weaker).toMatchObject({
    code: 5,
    stderr: expect.stringMatching(/by minisign: .* run autoup upgrade --reset-trust/),
  })
  expect(await ask(victim.port)).toMatchObject({ version: '1' })
  expect(await master.cli('upgrade', '--reset-trust')).toMatchObject({ code: 0 })
  expect(await ask(victim.port)).toMatchObject({ version: '2.0.2' })
  // The reset is for good: what is asked from now on is what the last one had.
  victim.offer({ version: '2.0.3' })
  expect(await master.cli('upgrade')).toMatchObject({ code: 0 })
})

test('a signature that comes after its release is seen by who asks', async () => {
  const signer = newSigner()
  const victim = await startVictim({ args: ['--public-key', signer.line], signer })
  const bytes = buildOf('2.0.0')
  let signature: Buffer | null = null
  victim.offer({ version: '2.0.0', bytes }, undefined, {
    '/app-2.0.0.tar.gz.minisig': (_request, response) =>
      signature === null ? response.writeHead(404).end() : response.end(signature),
  })
  expect(await victim.upgrade()).toMatchObject({ code: 5, stderr: expect.stringMatching(/has no signature/) })
  await victim.unharmed()
  signature = signatureOf(signer, bytes, { comment: 'file:app-2.0.0.tar.gz version:2.0.0' })
  expect(await victim.upgrade()).toMatchObject({ code: 0 })
  await victim.unharmed({ version: '2.0.0' })
})

test('threat: a pin that goes back to an old release', async () => {
  const github = await startGithub()
  for (const version of ['1.0.0', '2.0.0'])
    github.publish(`v${version}`, { assets: { [`app-linux-${process.arch}`]: bytesOf(nodeServer({ version })) } })
  const port = await freePort()
  const run = (spec: string, more: string[] = [], stateDir?: string) =>
    startMaster({
      args: ['--fetch', spec, '--listen', `127.0.0.1:${port}`, '--interval', '1h', '--probation', '200ms', ...more],
      env: { GITHUB_API_URL: github.url, GH_TOKEN: github.token },
      ...(stateDir === undefined ? {} : { stateDir }),
    })
  const first = await run('github:org/app')
  await first.next('build-committed')
  await first.stop()
  const second = await run('github:org/app@1.0.0', [], first.stateDir)
  const refused = await second.next('build-refused')
  expect(refused.reason).toMatch(/^1\.0\.0 is lower than 2\.0\.0, which has been in service: give --allow-downgrade/)
  expect(await ask(port)).toMatchObject({ version: '2.0.0' })
  await second.stop()
  const third = await run('github:org/app@1.0.0', ['--allow-downgrade'], first.stateDir)
  expect(await third.next('build-committed')).toMatchObject({ version: '1.0.0' })
  expect(await ask(port)).toMatchObject({ version: '1.0.0' })
})

needs('root').test('threat: a disk that is full in the middle of a download', async () => {
  const disk = smallDisk(48)
  const victim = await startVictim({ stateDir: join(disk.path, 'state') })
  // Nobody knows beforehand how much comes.
  victim.offer({ version: '2.0.0', size: null, sha256: '0'.repeat(64) }, (request, response) => {
    response.setHeader('etag', '"x"')
    if (request.method === 'HEAD') return void response.end()
    const piece = Buffer.alloc(65_536, 'x')
    const more = () => {
      while (!response.destroyed && response.write(piece));
    }
    response.on('drain', more)
    more()
  })
  const full = await victim.upgrade()
  expect(full).toMatchObject({ code: 1, stderr: expect.stringMatching(/no space|full|free some/i) })
  expect((await victim.master.status()).quarantine).toEqual([])
  await victim.unharmed()
  // What is announced is refused before a byte of it comes.
  victim.offer({ version: '2.0.1', size: 47e6, sha256: '0'.repeat(64) }, (request, response) => {
    response.setHeader('content-length', 47e6).setHeader('etag', '"y"')
    if (request.method === 'HEAD') response.end()
  })
  const announced = await victim.upgrade()
  expect(announced).toMatchObject({ code: 1, stderr: expect.stringMatching(/left and .* are needed: free some space/) })
  expect(victim.web.requests.filter(({ line }) => line === 'GET /app-2.0.1.tar.gz')).toEqual([])
  await victim.goesOn()
})

needs('root').test('threat: a stranger on this machine, at the sockets of the master and of its worker', async () => {
  const { master, port } = await startService()
  // The folders above are the test's own, and no protection of autoup's.
  chmodSync(master.stateDir, 0o755)
  const { workers } = await master.status()
  const environment = readFileSync(`/proc/${workers[0]!.pid}/environ`, 'utf8').split('\0')
  const variable = (name: string) =>
    environment.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1) ?? ''
  const paths = [join(master.home, 'control.sock'), variable('NOTIFY_SOCKET'), variable('AUTOUP_NOTIFY')]
  const knock = `const [path] = process.argv.slice(1)
require('node:net').connect(path, () => console.log('in')).on('error', ({ code }) => console.log(code))`
  const read = `try { require('node:fs').readFileSync(process.argv[1]); console.log('in') } catch ({ code }) { console.log(code) }`
  const as = (code: string, path: string) =>
    spawnSync(process.execPath, ['-e', code, path], { uid: 65_534, gid: 65_534, encoding: 'utf8' }).stdout.trim()
  for (const path of paths) {
    expect(existsSync(path), path).toBe(true)
    expect(as(knock, path), path).toBe('EACCES')
  }
  expect(as(read, join(master.home, 'state.json'))).toBe('EACCES')
  expect(as(read, `/proc/${master.pid}/environ`)).toBe('EACCES')
  expect(await ask(port)).toMatchObject({ version: '1' })
})
