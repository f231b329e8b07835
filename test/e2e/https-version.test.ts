import { expect, test } from 'vitest'
import { ask } from '../support/ask.ts'
import { nodeServer } from '../support/builds.ts'
import { startConfigured } from '../support/configured.ts'
import { startLoad, summary } from '../support/load.ts'
import { startMaster } from '../support/master.ts'
import { freePort } from '../support/ports.ts'
import { type Site, serveSite } from '../support/site.ts'
import { until } from '../support/until.ts'
import { bytesOf, sumOf } from '../support/victim.ts'
import { newSigner, signatureOf } from '../trust/minisign-signer.ts'

const QUICK = { probation: '300ms', 'ready-timeout': '5s', 'drain-timeout': '5s' }
const SIGNER = newSigner()

/** The file first, then what vouches for it. */
async function siteWith(...versions: readonly string[]): Promise<Site> {
  const site = await serveSite()
  for (const version of versions) {
    const bytes = bytesOf(nodeServer({ version }))
    site.put(`/${version}/app`, bytes)
    site.put(`/${version}/app.sha256`, sumOf(bytes))
    site.put(`/${version}/app.minisig`, signatureOf(SIGNER, bytes, { comment: `file:app\tversion:${version}` }))
  }
  return site
}

test('a version that a text says is live, and the next when the text moves, with no failed request under load', async () => {
  const site = await siteWith('1.0.0', '1.1.0')
  site.put('/stable.txt', '1.0.0\n')
  const port = await freePort()
  const quick = Object.entries(QUICK).flatMap(([name, value]) => [`--${name}`, value])
  const source = `${site.origin}/{version}/app@${site.origin}/stable.txt`
  const more = ['--fetch', source, '--listen', `127.0.0.1:${port}`, '--public-key', SIGNER.line]
  const args = [...quick, '--interval', '200ms', ...more]
  const first = await startMaster({ args })
  await first.next('build-committed')
  expect(await ask(port)).toMatchObject({ version: '1.0.0' })

  const load = await startLoad({ target: port, rate: 200 })
  const since = first.mark()
  site.put('/stable.txt', '1.1.0\n')
  await load.waitFor(({ versions }) => versions['1.1.0'] !== undefined, 'answer of version 1.1.0')
  await first.next('build-committed', { since })
  const report = await load.stop()
  expect(report.failed, summary(report)).toBe(0)
  expect(await first.status()).toMatchObject({
    source,
    current: { version: '1.1.0', proofs: ['minisign', 'checksum-file'] },
  })

  // The next master has it all here.
  await first.stop()
  site.asked()
  const master = await startMaster({ args, stateDir: first.stateDir })
  await master.next('worker-ready')
  const asked: string[] = []
  await until('three checks', () => {
    asked.push(...site.asked())
    return asked.filter((line) => line === 'GET /stable.txt').length > 2
  })
  expect(asked.filter((line) => /^GET .*app$/.test(line))).toEqual([])

  // Said to be there, and not yet.
  site.put('/stable.txt', '1.2.0\n')
  const incomplete = (message: string) =>
    master.waitFor(
      (event) => event.type === 'check-finished' && (event.message ?? '').includes(message),
      `a check that ends with ${message}`,
    )
  await incomplete('1.2.0 is said to be there')
  site.put('/stable.txt', '<html>')
  await incomplete("says no version: it holds '<html>'")
  // A signature of another version, and a lower version.
  site.put('/1.3.0/app', site.pages.get('/1.0.0/app')!)
  site.put('/1.3.0/app.minisig', site.pages.get('/1.0.0/app.minisig')!)
  for (const [version, reason] of [
    ['1.3.0', /is signed as version 1\.0\.0, and is offered as 1\.3\.0/],
    ['1.0.0', /^1\.0\.0 is lower than 1\.1\.0/],
  ] as const) {
    site.put('/stable.txt', version)
    await master.waitFor(
      (event) => event.type === 'build-refused' && reason.test(event.reason),
      `the refusal of ${version}`,
    )
  }
  expect(await ask(port)).toMatchObject({ version: '1.1.0' })
})

test('another pin by SIGHUP is live when it is higher, and refused when it is lower', async () => {
  const site = await siteWith('1.0.0', '1.1.0')
  const port = await freePort()
  const at = (version: string) => ({
    fetch: `${site.origin}/{version}/app@${version}`,
    ...QUICK,
    interval: '1h',
    listen: `127.0.0.1:${port}`,
  })
  const { master, write, hup } = await startConfigured(at('1.0.0'))
  await master.next('build-committed')
  write(at('1.1.0'))
  const since = master.mark()
  await hup()
  expect(await master.next('build-committed', { since })).toMatchObject({ version: '1.1.0' })
  // A release does not change.
  const other = bytesOf(nodeServer({ version: 'other' }))
  site.put('/1.1.0/app', other)
  site.put('/1.1.0/app.sha256', sumOf(other))
  expect(await master.cli('upgrade')).toMatchObject({
    code: 5,
    stderr: expect.stringMatching(/1\.1\.0 is in service with other bytes: publish them under a new version/),
  })
  const again = master.mark()
  write(at('1.0.0'))
  await hup()
  const refused = await master.next('build-refused', { since: again })
  expect(refused.reason).toMatch(/^1\.0\.0 is lower than 1\.1\.0, which has been in service: give --allow-downgrade/)
  expect(await ask(port)).toMatchObject({ version: '1.1.0' })
  write({ ...at('1.0.0'), 'allow-downgrade': true })
  await hup()
  await master.waitFor(
    (event) => event.type === 'build-committed' && event.sequence > refused.sequence,
    'the commit of the lower one',
  )
  expect(await ask(port)).toMatchObject({ version: '1.0.0' })
})
