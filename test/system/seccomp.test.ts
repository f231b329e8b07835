/** The filter, put on a process of its own: what it then tries, and what came of it. */

import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, statSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { isAlive } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { temporaryFolder } from '../support/stores.ts'

/** An ordinary user, where the tests run as root; else whoever runs them. */
const USER = process.getuid?.() === 0 ? 23_456 : (process.getuid?.() ?? 0)

const built = (path: string) => JSON.stringify(pathToFileURL(join(process.cwd(), 'dist/src', path)))

/** `body` makes attempts with `attempt(name, work)`, under the filter and as the user. */
function under(body: string, { keepSignals }: { keepSignals: boolean }): Record<string, string> {
  const program = `import fs from 'node:fs'
import os from 'node:os'
import child from 'node:child_process'
import { createRequire } from 'node:module'
import { forgoPrivileges, landlockAbi } from ${built('system/landlock.js')}
import { denyEscapes } from ${built('system/seccomp.js')}
const koffi = createRequire(${JSON.stringify(join(process.cwd(), 'package.json'))})('koffi')
const libc = koffi.load(null)
const call = libc.func('long syscall(long number, ...)')
const raw = (...args) => Number(call(args[0], ...args.slice(1).flatMap((each) => ['long', each]))) === -1 ? 'errno ' + koffi.errno() : 'ok'
const came = {}
const attempt = (name, work) => { try { came[name] = String(work() ?? 'ok') } catch (error) { came[name] = error.code ?? error.message } }
// Loads what the user may not be able to read.
landlockAbi()
if (process.getuid() === 0) { process.setgroups([]); process.setgid(${USER}); process.setuid(${USER}) }
forgoPrivileges()
if (!denyEscapes({ keepSignals: ${keepSignals} })) throw new Error('no filter')
${body}
process.stdout.write(JSON.stringify(came))`
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', cwd: '/' })
  return JSON.parse(output) as Record<string, string>
}

/** A process of the same user, under no filter. */
function bystander(): number {
  const ids = process.getuid?.() === 0 ? { uid: USER, gid: USER } : {}
  const { pid } = spawn('sleep', ['1000'], { stdio: 'ignore', cwd: '/', ...ids })
  onTestFinished(() => void process.kill(pid!, 'SIGKILL'))
  return pid!
}

needs('seccomp').describe('under the filter', () => {
  test('where signals are kept, none reaches another process of the same user, in whatever way', () => {
    const pid = bystander()
    const numbers = process.arch === 'x64' ? { kill: 62, tkill: 200, fcntl: 72 } : { kill: 129, tkill: 130, fcntl: 25 }
    const came = under(
      `attempt('kill', () => process.kill(${pid}, 'SIGKILL'))
attempt('raw', () => raw(${numbers.kill}, ${pid}, 9))
attempt('thread', () => raw(${numbers.tkill}, ${pid}, 9))
attempt('all', () => raw(${numbers.kill}, -1, 9))
attempt('group', () => raw(${numbers.kill}, 0, 9))
const pidfd = Number(call(434, 'long', ${pid}, 'long', 0))
attempt('pidfd', () => raw(424, pidfd, 9, 0, 0))
const fd = fs.openSync('/dev/null', 'r')
attempt('owner', () => raw(${numbers.fcntl}, fd, 8, ${pid}))
attempt('flags', () => raw(${numbers.fcntl}, fd, 3, 0))
attempt('shell', () => child.spawnSync('/bin/sh', ['-c', 'kill -9 ${pid}'], { stdio: 'ignore' }).status)
attempt('itself', () => process.kill(process.pid, 0))
attempt('child', () => child.spawnSync('/bin/sh', ['-c', 'exit 7']).status)`,
      { keepSignals: true },
    )
    expect(came).toEqual({
      kill: 'EPERM',
      raw: 'errno 1',
      thread: 'errno 1',
      all: 'errno 1',
      group: 'errno 1',
      pidfd: 'errno 1',
      owner: 'errno 1',
      flags: 'ok',
      shell: '1',
      itself: 'true',
      child: '7',
    })
    expect(isAlive(pid)).toBe(true)
  })

  test('where Landlock keeps them, a process ends what it has started', () => {
    const came = under(
      `const one = child.spawn('sleep', ['1000'], { stdio: 'ignore' })
attempt('end', () => one.kill('SIGKILL'))`,
      { keepSignals: false },
    )
    expect(came).toEqual({ end: 'true' })
  })

  test('no access list and no other attribute changes, of whatever file', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'mine')
    writeFileSync(path, 'mine', { mode: 0o600 })
    chmodSync(folder, 0o755)
    chownSync(path, USER, process.getgid?.() ?? 0)
    const before = statSync(path, { bigint: true }).ctimeNs
    const came = under(
      `const set = libc.func('int setxattr(const char *path, const char *name, const char *value, size_t size, int flags)')
const remove = libc.func('int removexattr(const char *path, const char *name)')
attempt('list', () => set(${JSON.stringify(path)}, 'system.posix_acl_access', 'no list', 7, 0) + ' ' + koffi.errno())
attempt('user', () => set(${JSON.stringify(path)}, 'user.x', 'y', 1, 0) + ' ' + koffi.errno())
attempt('remove', () => remove(${JSON.stringify(path)}, 'user.x') + ' ' + koffi.errno())`,
      { keepSignals: false },
    )
    const unsupported = `-1 ${constants.errno.EOPNOTSUPP}`
    expect(came).toEqual({ list: unsupported, user: unsupported, remove: unsupported })
    expect(statSync(path, { bigint: true }).ctimeNs).toBe(before)
  })

  test('the scheduling of others stays as it is', () => {
    const pid = bystander()
    const came = under(
      `attempt('nice', () => os.setPriority(${pid}, 19))
attempt('renice', () => child.spawnSync('renice', ['-n', '19', '-p', '${pid}'], { stdio: 'ignore' }).status)`,
      { keepSignals: false },
    )
    expect(came.nice).toBe('ERR_SYSTEM_ERROR')
    expect(came.renice).toMatch(/^1$|null/)
  })
})
