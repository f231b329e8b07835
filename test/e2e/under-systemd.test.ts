/**
 * docs/systemd.md and docs/from-pm2.md by their own commands, under a real systemd: the units are written, enabled and
 * started, and the service goes on through what happens to it, under load.
 */

import { expect } from 'vitest'
import { readPage, shellLines } from '../docs/pages.ts'
import { ask } from '../support/ask.ts'
import { assetsOf } from '../support/documented.ts'
import { type Github, startGithub } from '../support/github-server.ts'
import { startLoad, summary } from '../support/load.ts'
import { freePort } from '../support/ports.ts'
import { needs } from '../support/requirements.ts'
import { bootSystemd } from '../support/systemd.ts'
import { until } from '../support/until.ts'

interface Service {
  readonly github: Github
  readonly port: number
  /** What a line says; it has to end with 0. */
  type(line: string): Promise<string>
}

/** Of the lines of a page, on another port than the one that is shown. */
async function startedBy(lines: readonly string[]): Promise<Service> {
  const [port, github] = [await freePort(), await startGithub()]
  github.publish('v1.0.0', { assets: assetsOf('1.0.0') })
  const machine = await bootSystemd({ GITHUB_API_URL: github.url, AUTOUP_PROBATION: '500ms' })
  const type = async (line: string): Promise<string> => {
    const { code, stdout, stderr } = await machine.type(line.replace(/\b(?:8080|3000)\b/, String(port)))
    const journal = code === 0 ? '' : (await machine.type('journalctl --no-pager --lines 30')).stdout
    expect(code, `${line}\n${stderr}${stdout}${journal}`).toBe(0)
    return stdout
  }
  for (const line of lines) await type(line)
  return { github, port, type }
}

const SYSTEMD = needs('root', 'cgroup', 'systemctl', 'unshare', 'nsenter', 'curl')

/** As systemd.md says it: with `--user`, and without. Each systemd counts a little otherwise. */
async function hasExposure(place: 1 | 2, type: Service['type']): Promise<void> {
  const said = /security` gives ([\d.]+) with `--user` and ([\d.]+) without/.exec(readPage('docs/systemd.md'))
  const [, shown] = /level for app\.service: ([\d.]+) /.exec(await type('systemd-analyze security app')) ?? []
  expect(Math.abs(Number(shown) - Number(said?.[place])), shown).toBeLessThan(0.25)
}

/** Resolves when systemd has started the next one, and that serves. */
async function losesItsMaster(type: Service['type']): Promise<void> {
  await type('systemctl kill --signal KILL --kill-whom main app')
  const next = 'NRestarts=1\nSubState=running\n'
  await until('the next one serves', async () => (await type('systemctl show app -p NRestarts -p SubState')) === next)
}

SYSTEMD.test('a service as systemd.md installs it lives through all that happens to it', async () => {
  const { github, port, type } = await startedBy(shellLines('docs/systemd.md'))
  expect(await ask(port)).toMatchObject({ version: '1.0.0' })
  expect(await type('systemd-analyze verify /etc/systemd/system/app.service 2>&1')).toBe('')
  await until('it says what it does', async () =>
    / Status: "1\.0\.0 serves; checked \d\d:\d\d; next \d\d:\d\d"\n/.test(await type('systemctl status app')),
  )
  await hasExposure(1, type)
  expect(await type('journalctl -u app')).toContain('1.0.0')
  // sight.md, of a service of root's.
  const [curl = ''] = shellLines('docs/sight.md').filter((line) => line.startsWith('curl '))
  expect(await type(curl)).toContain('autoup_up 1\n')

  const load = await startLoad({ target: port, rate: 100 })
  github.publish('v2.0.0', { assets: assetsOf('2.0.0') })
  await type('autoup upgrade app')
  expect(await ask(port)).toMatchObject({ version: '2.0.0' })
  await type('systemctl reload app')
  await losesItsMaster(type)
  await type('systemctl restart app')
  expect(await ask(port)).toMatchObject({ version: '2.0.0' })
  const report = await load.stop()
  expect(report.failed, summary(report)).toBe(0)
  await type('systemctl stop app app.socket')
  expect(await type('systemctl show app -p Result')).toBe('Result=success\n')
  await expect(ask(port)).rejects.toThrow('ECONNREFUSED')
})

SYSTEMD.test(
  'a service as from-pm2.md installs it goes on when its master is killed, and ends with its unit',
  async () => {
    const { port, type } = await startedBy(shellLines('docs/from-pm2.md'))
    expect(await ask(port)).toMatchObject({ version: '1.0.0' })
    await hasExposure(2, type)
    const load = await startLoad({ target: port, rate: 100 })
    await losesItsMaster(type)
    const report = await load.stop()
    expect(report.failed, summary(report)).toBe(0)
    await type('systemctl stop app')
    await expect(ask(port)).rejects.toThrow('ECONNREFUSED')
  },
)
