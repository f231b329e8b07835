/**
 * What `autoup unit` writes, tried as far as that goes where systemd is not pid 1: its own ExecStart, with the
 * capabilities and the file systems that the unit leaves it; and a socket of systemd that outlives the master.
 */

import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { expect } from 'vitest'
import { ask } from '../support/ask.ts'
import { archive, nodeServer, publish } from '../support/builds.ts'
import { autoup, startMaster, temporaryDirectory } from '../support/master.ts'
import { freePort } from '../support/ports.ts'
import { isAlive, kill, listenersOn } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { supervisor } from '../support/supervisor.ts'
import { until } from '../support/until.ts'

/** ProtectSystem=full, ProtectKernelTunables=, ProtectControlGroups= of the unit, by hand. */
const READ_ONLY = `
for path in /usr /etc /boot /proc/sys /sys; do
  if [ -d $path ]; then mount --rbind $path $path && mount -o remount,bind,ro $path; fi
done
exec "$@"`

needs('root', 'unshare', 'setpriv').test(
  'its ExecStart serves, verifies and upgrades with no more than the unit leaves, the stager confined',
  async () => {
    const state = join(temporaryDirectory(), 'autoup')
    const port = await freePort()
    const source = join(temporaryDirectory(), 'app.tar.gz')
    publish(source, archive(nodeServer({ version: '1' })))
    const options = [
      '--fetch',
      `file:${source}`,
      '--listen',
      `127.0.0.1:${port}`,
      '--interval',
      '200ms',
      '--probation',
      '1s',
    ]
    const { stdout: unit, stderr } = await autoup(['unit', '--name', 'app', ...options])
    expect(stderr).toBe('')
    const value = (key: string): string =>
      new RegExp(`^${key}=(.*)$`, 'm').exec(unit.replaceAll(/ \\\n\s*/g, ' '))?.[1] ?? ''
    const words = value('ExecStart').replaceAll('%S/autoup', state).split(' ')
    const dropped = value('CapabilityBoundingSet')
      .slice(1)
      .split(' ')
      .map((name) => `-${name.slice(4).toLowerCase()}`)
    expect(dropped).toContain('-sys_admin')
    const systemd = supervisor()
    const master = await startMaster({
      embedded: ['setpriv', '--no-new-privs', `--bounding-set=${dropped.join(',')}`, ...words],
      through: ['unshare', '--mount', 'sh', '-c', READ_ONLY, 'sh'],
      env: { ...systemd.env, WATCHDOG_USEC: '30000000' },
      stateDir: state,
    })
    expect(await systemd.hears(/^READY=1/)).toContain(`MAINPID=${master.pid}`)
    expect(await ask(port)).toMatchObject({ version: '1' })
    await master.next('build-committed')
    const since = master.mark()
    publish(source, archive(nodeServer({ version: '2' })))
    await master.waitFor(({ type }) => type === 'build-committed', 'the commit of the second build', { since })
    expect(await ask(port)).toMatchObject({ version: '2' })
    // Neither that the stager is not contained, nor that it had to stay root.
    expect(master.events.filter(({ type }) => type === 'warning')).toEqual([])
    const reloaded = await master.cli('reload')
    expect(reloaded.code, reloaded.stderr).toBe(0)
    expect(await master.stop()).toBe(0)
  },
)

/** Holds the socket as systemd would, and starts the master once more when somebody opens the pipe. */
const AGAIN = `
start() { sh -c 'LISTEN_PID=$$ exec "$@"' sh "$@"; }
pipe=$1; shift
start "$@"
cat "$pipe"
start "$@"`

needs('systemd-socket-activate').test(
  'a client that comes while the master is away is answered by the next one',
  async () => {
    const port = await freePort()
    const pipe = join(temporaryDirectory(), 'pipe')
    execFileSync('mkfifo', [pipe])
    const app = join(temporaryDirectory(), 'app')
    nodeServer({ version: '1' })(app)
    const listen = `127.0.0.1:${port}`
    const master = await startMaster({
      args: ['--listen', `http=${listen}`],
      command: [app],
      through: ['systemd-socket-activate', '-l', listen, '--fdname=http', 'sh', '-c', AGAIN, 'sh', pipe],
    })
    await until('systemd listens', () => listenersOn(port).length > 0)
    const before = await ask(port)
    const { pid } = await master.next('master-started')
    expect(await master.next('listening')).toMatchObject({ name: 'http', how: 'inherited' })
    const since = master.mark()
    kill(pid, 'SIGTERM')
    await master.waitFor(({ type }) => type === 'master-stopped', 'the end of the first master', { since })
    await until('it is gone', () => !isAlive(pid))

    const waiting = new Promise<string>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, agent: false }, (response) => {
        response.setEncoding('utf8').on('data', resolve)
      })
      sent.on('error', reject)
      // In the queue of the socket: nobody is there to accept.
      sent.on('socket', (socket) => socket.on('connect', () => writeFile(pipe, '').catch(reject)))
      sent.end()
    })
    const answer = JSON.parse(await waiting) as { version: string; pid: number }
    expect(answer.version).toBe('1')
    expect(answer.pid).not.toBe(before.pid)
    const next = await master.waitFor((event) => event.type === 'master-started', 'the second master', { since })
    expect(next).not.toMatchObject({ pid })
    const nextPid = (next as { pid?: number }).pid ?? 0
    kill(nextPid, 'SIGTERM')
    expect(await master.exited).toBe(0)
  },
)
