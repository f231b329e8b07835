/**
 * `npm:` for real, against the registry that npm is configured for on this machine. http-server does not take an
 * inherited socket by itself, so its own library is told to listen on descriptor 3; as a program of its own it binds a
 * port, which two generations cannot share.
 */

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import semver from 'semver'
import { describe, expect, test } from 'vitest'
import { type Master, startMaster, temporaryDirectory } from '../support/master.ts'
import { freePort } from '../support/ports.ts'
import { findProgram } from '../support/requirements.ts'
import { until } from '../support/until.ts'

const FIRST = '14.1.0'
const QUICK = ['--interval', '1h', '--probation', '500ms', '--ready-timeout', '20s', '--drain-timeout', '5s']

/** Authorities that this machine trusts, for the requests that npm does not make. */
const env = Object.fromEntries(
  Object.entries(process.env).filter((entry): entry is [string, string] => /^NODE_EXTRA_CA_CERTS$/.test(entry[0])),
)

/** The highest of ^14, as npm sees it; null when the registry does not answer. */
function highest(): string | null {
  if (findProgram('npm') === null) return null
  try {
    const text = execFileSync('npm', ['view', 'http-server@^14', 'version', '--json'], {
      timeout: 30_000,
      stdio: 'pipe',
    })
    return semver.rsort([JSON.parse(text.toString()) as string | string[]].flat())[0] ?? null
  } catch {
    return null
  }
}

const newest = highest()
if (newest === null) process.stderr.write('skipping tests, since the registry of npm does not answer here\n')

function site(): string {
  const folder = temporaryDirectory()
  writeFileSync(join(folder, 'hello.txt'), 'hello\n')
  return folder
}

async function committed(master: Master, since = 0): Promise<string> {
  const event = await master.waitFor(
    ({ type }) => type === 'build-committed' || type === 'build-refused' || type === 'promotion-failed',
    'verdict',
    { since, deadlineMs: 90_000 },
  )
  if (event.type !== 'build-committed') throw new Error(master.story())
  return event.version
}

const hello = async (port: number): Promise<string> => (await fetch(`http://127.0.0.1:${port}/hello.txt`)).text()

describe.skipIf(newest === null)('http-server from the registry', () => {
  test(`serves as ${FIRST}, is the highest of ^14 after a start with that range, and never goes down`, async () => {
    const port = await freePort()
    const stateDir = temporaryDirectory()
    const listens = `require('http-server').createServer({ root: ${JSON.stringify(site())} }).listen({ fd: 3 })`
    const start = (source: string): Promise<Master> =>
      startMaster({
        stateDir,
        env,
        args: [...QUICK, '--fetch', source, '--listen', `127.0.0.1:${port}`],
        command: ['node', '-e', listens],
      })

    const first = await start(`npm:http-server@${FIRST}`)
    expect(await committed(first)).toBe(FIRST)
    expect(await hello(port)).toBe('hello\n')
    expect((await first.status()).current).toMatchObject({ version: FIRST })
    // Nothing is downloaded again for what is here.
    const mark = first.mark()
    expect((await first.cli('upgrade')).code).toBe(0)
    expect(first.events.slice(mark).map(({ type }) => type)).not.toContain('build-staged')
    await first.stop()

    const second = await start('npm:http-server@^14')
    // The committed build serves while the next one is looked for.
    await second.next('worker-ready')
    expect(await hello(port)).toBe('hello\n')
    expect(await committed(second)).toBe(newest)
    expect(await hello(port)).toBe('hello\n')
    expect((await second.status()).previous).toMatchObject({ version: FIRST })
    await second.stop()

    const third = await start(`npm:http-server@${FIRST}`)
    const refused = await third.next('build-refused', { deadlineMs: 60_000 })
    expect(refused.reason).toBe(
      `${FIRST} is lower than ${newest}, which has been in service: give --allow-downgrade to go back`,
    )
    expect(await hello(port)).toBe('hello\n')
  })

  test('runs as its own command on its own port, one generation after the other', async () => {
    const port = await freePort()
    const envFile = join(temporaryDirectory(), 'env')
    writeFileSync(envFile, `PORT=${port}\n`)
    const probe = `${process.execPath} -e "require('net').connect(${port},'127.0.0.1').on('error',()=>process.exit(1)).on('connect',()=>process.exit(0))"`
    const args = ['--fetch', `npm:http-server@${FIRST}`, '--env-file', envFile, '--strategy', 'exclusive']
    const master = await startMaster({ env, args: [...QUICK, ...args, '--ready', `exec:${probe}`] })
    expect(await committed(master)).toBe(FIRST)
    const answer = await until('it answers', () => fetch(`http://127.0.0.1:${port}/package.json`).catch(() => null))
    // It runs in the directory of the build.
    expect(await answer.json()).toMatchObject({ dependencies: { 'http-server': FIRST } })
  })

  test('is missing under another name, version or tag, and each has its sentence', async () => {
    for (const [source, sentence] of [
      ['npm:http-server@^99', /^no version of http-server satisfies \^99; the newest are \d+\./],
      ['npm:http-server@no-such-tag', /^http-server has no tag 'no-such-tag'; its tags are .*latest/],
      ['npm:@autoup-test/no-such-package', /^there is no npm package @autoup-test\/no-such-package in /],
    ] as const) {
      const master = await startMaster({
        env,
        name: 'absent',
        args: [...QUICK, '--ready', 'uptime:1s', '--fetch', source],
      })
      const { message } = await master.waitFor(
        (event): event is Extract<typeof event, { type: 'check-finished' }> => event.type === 'check-finished',
        'check',
        { deadlineMs: 60_000 },
      )
      expect(message).toMatch(sentence)
      await master.stop()
    }
  })
})
