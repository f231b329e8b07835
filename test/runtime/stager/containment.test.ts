/**
 * A hostile stager: a program in place of the real one, as if an archive had taken it over. What it tries and what came
 * of it arrives as warnings, one for each attempt. Everything is tried as root where the tests run as root.
 */

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { StageProgress, StageVerdict } from '../../../src/runtime/stager/stage-protocol.ts'
import { type Staging, stage } from '../../../src/runtime/stager/staging.ts'
import type { StorePaths } from '../../../src/store/layout.ts'
import { copyProgram } from '../../support/limited.ts'
import { isAlive, kill, readProcess } from '../../support/processes.ts'
import { needs } from '../../support/requirements.ts'
import { jobFor, temporaryFolder, temporaryStore } from '../../support/stores.ts'
import { until } from '../../support/until.ts'

const isRoot = process.getuid?.() === 0
const perl = needs('perl')

let store: StorePaths
let folder: string

beforeEach(async () => {
  store = await temporaryStore()
  folder = await temporaryFolder()
})

interface Outcome {
  /** What each attempt came to: `ok`, or the error. */
  readonly came: Readonly<Record<string, string>>
  readonly verdicts: readonly StageVerdict[]
  readonly staging: Staging
}

interface Options {
  readonly deadlineMs?: number
  readonly source?: string
  /** Of another installation of autoup. */
  readonly startStage?: typeof stage
}

/** `body` makes attempts with `attempt(name, work)`, and may use what is destructured below. */
async function hostile(
  body: string,
  { source = 'file:/nowhere', startStage = stage, ...options }: Options = {},
): Promise<Outcome> {
  const program = join(folder, 'hostile.mjs')
  await writeFile(
    program,
    `import fs from 'node:fs'
import net from 'node:net'
import child from 'node:child_process'
import { join } from 'node:path'
import { createRequire } from 'node:module'
const wire = new net.Socket({ fd: 3 })
const say = (message) => wire.write(JSON.stringify({ type: 'warning', message }) + '\\n')
const attempt = async (name, work) => {
  try { say(name + ' ' + String(await work() ?? 'ok')) } catch (error) { say(name + ' ' + (error.code ?? error.message)) }
}
const libc = () => createRequire(${JSON.stringify(join(process.cwd(), 'package.json'))})('koffi').load(null)
wire.once('data', async (text) => {
  const { store, directory } = JSON.parse(text)
  ${body}
  wire.end(JSON.stringify({ type: 'incomplete', message: 'done' }) + '\\n')
  wire.resume()
  wire.on('end', () => process.exit(0))
})
`,
  )
  const progress: StageProgress[] = []
  const verdicts: StageVerdict[] = []
  const staging = startStage(
    jobFor(store, source),
    { onProgress: (each) => void progress.push(each), onVerdict: (verdict) => void verdicts.push(verdict) },
    { program, ...options },
  )
  onTestFinished(async () => {
    staging.stop()
    await staging.done
  })
  await staging.done
  const said = progress.flatMap((each) => (each.type === 'warning' ? [each.message] : []))
  const came = Object.fromEntries(said.map((line) => [line.split(' ')[0]!, line.split(' ').slice(1).join(' ')]))
  return { came, verdicts, staging }
}

needs('landlock').describe('a hostile stager on a kernel with Landlock', () => {
  test('cannot write outside of the tmp of its store, by any thread', async () => {
    const victim = join(folder, 'victim')
    writeFileSync(victim, 'mine')
    writeFileSync(store.state, '{}')
    mkdirSync(join(store.builds, 'build/tree'), { recursive: true })
    writeFileSync(join(store.builds, 'build/tree/app'), 'app')
    const outside = JSON.stringify(folder)
    const { came } = await hostile(`
      await attempt('create', () => fs.writeFileSync(join(${outside}, 'new'), 'x'))
      await attempt('pool', () => fs.promises.writeFile(join(${outside}, 'new'), 'x'))
      await attempt('overwrite', () => fs.writeFileSync(join(${outside}, 'victim'), 'x'))
      await attempt('truncate', () => fs.truncateSync(join(${outside}, 'victim')))
      await attempt('unlink', () => fs.unlinkSync(join(${outside}, 'victim')))
      await attempt('rename', () => fs.renameSync(join(${outside}, 'victim'), join(store.tmp, 'stolen')))
      await attempt('hardlink', () => fs.linkSync(join(${outside}, 'victim'), join(store.tmp, 'stolen')))
      await attempt('symlink', () => fs.symlinkSync('/etc', join(${outside}, 'link')))
      await attempt('through', () => {
        fs.symlinkSync(${outside}, join(store.tmp, 'out'))
        fs.writeFileSync(join(store.tmp, 'out/new'), 'x')
      })
      await attempt('state', () => fs.writeFileSync(store.state, 'x'))
      await attempt('builds', () => fs.rmSync(store.builds, { recursive: true }))
      await attempt('data', () => fs.writeFileSync(join(store.data, 'x'), 'x'))
      await attempt('child', () => child.execFileSync('/bin/sh', ['-c', 'echo x > "$0"', join(${outside}, 'new')], { stdio: 'ignore' }))
      await attempt('pipe', () => child.execFileSync('mkfifo', [join(store.tmp, 'fifo')], { stdio: 'ignore' }))
      await attempt('device', () => fs.writeFileSync('/dev/full', 'x'))
      await attempt('null', () => fs.writeFileSync('/dev/null', 'x'))
      await attempt('tmp', () => fs.writeFileSync(join(store.tmp, 'own'), 'x'))
    `)
    const { pipe, child, null: devNull, tmp, rename, hardlink, ...others } = came
    expect(devNull).toBe('ok')
    expect(tmp).toBe('ok')
    expect(rename).toMatch(/EACCES|EXDEV/)
    // As another user than the owner it is stopped before.
    expect(hardlink).toMatch(/EACCES|EXDEV|EPERM/)
    expect(pipe).toMatch(/Command failed|^1$/)
    expect(child).toMatch(/Command failed|^[12]$/)
    expect(new Set(Object.values(others)), JSON.stringify(others)).toEqual(new Set(['EACCES']))
    expect(await readdir(folder)).toEqual(expect.arrayContaining(['victim']))
    expect(readFileSync(victim, 'utf8')).toBe('mine')
    expect(existsSync(join(folder, 'new'))).toBe(false)
    expect(readFileSync(join(store.builds, 'build/tree/app'), 'utf8')).toBe('app')
  })

  test('cannot look into its master, trace it, take its descriptors, or change its limits', async () => {
    const { came } = await hostile(`
      const c = libc()
      const errno = createRequire(${JSON.stringify(join(process.cwd(), 'package.json'))})('koffi').errno
      const call = c.func('long syscall(long number, ...)')
      const raw = (...args) => call(args[0], ...args.slice(1).flatMap((each) => ['long', each])) === -1 ? 'errno ' + errno() : 'ok'
      const master = process.ppid
      await attempt('environ', () => fs.readFileSync('/proc/' + master + '/environ').length)
      await attempt('memory', () => fs.openSync('/proc/' + master + '/mem', 'r'))
      await attempt('descriptors', () => fs.readlinkSync('/proc/' + master + '/fd/0'))
      await attempt('ptrace', () => c.func('long ptrace(long, long, long, long)')(16, master, 0, 0) === -1 ? 'errno ' + errno() : 'ok')
      ${process.arch === 'x64' ? `await attempt('limits', () => raw(302, master, 7, 0, 0))` : ''}
      await attempt('adopt', () => raw(434, master, 0) === 'ok' ? 'ok' : 'no')
    `)
    expect(came.environ).toBe('EACCES')
    expect(came.memory).toBe('EACCES')
    expect(came.descriptors).toBe('EACCES')
    expect(came.ptrace).toBe('errno 1')
    if (process.arch === 'x64') expect(came.limits).toBe('errno 1')
  })

  needs('landlock-signals').test('cannot signal its master', async () => {
    let heard = false
    const onSignal = () => {
      heard = true
    }
    process.on('SIGUSR2', onSignal)
    onTestFinished(() => void process.off('SIGUSR2', onSignal))
    const { came } = await hostile(`
      await attempt('signal', () => process.kill(process.ppid, 'SIGUSR2'))
      await attempt('own', () => process.kill(child.spawn('sleep', ['1000'], { stdio: 'ignore' }).pid, 'SIGKILL'))
    `)
    expect(came).toEqual({ signal: 'EPERM', own: 'true' })
    expect(heard).toBe(false)
  })
})

needs('seccomp').describe('a hostile stager', () => {
  test('cannot command its master, nor any other daemon that listens on a unix socket', async () => {
    let connections = 0
    const server = createServer((socket) => {
      connections++
      socket.end()
    }).listen(store.socket)
    onTestFinished(() => void server.close())
    const { came } = await hostile(`
      const post = (path) => new Promise((resolve, reject) => {
        const socket = net.connect(path, () => resolve('ok'))
        socket.on('error', reject)
        socket.write('POST /stop HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')
      })
      await attempt('control', () => post(store.socket))
      await attempt('abstract', () => post('\\0autoup-nobody'))
      const curl = ['-c', 'import socket,sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])', store.socket]
      await attempt('child', () => child.spawnSync('python3', curl, { stdio: 'ignore' }).status)
      await attempt('network', () => new Promise((resolve, reject) =>
        net.createServer().listen(0, '127.0.0.1', () => resolve('ok')).on('error', reject).unref()))
    `)
    expect(came).toEqual({
      control: 'EPERM',
      abstract: 'EPERM',
      child: expect.stringMatching(/^1$|null/),
      network: 'ok',
    })
    expect(connections).toBe(0)
  })

  test('leaves nobody behind, however a child of it was set free', async () => {
    const { came, verdicts } = await hostile(`
      const one = child.spawn('sleep', ['1000'], { stdio: 'ignore', detached: true })
      one.unref()
      await attempt('detached', () => one.pid)
      const two = child.execFileSync('/bin/sh', ['-c', 'setsid sleep 1000 >&2 & echo $!'], { stdio: ['ignore', 'pipe', 'ignore'] })
      await attempt('setsid', () => String(two).trim())
      const three = child.execFileSync('/bin/sh', ['-c', '(trap "" HUP TERM; sleep 1000 >&2 & echo $!) &'], { stdio: ['ignore', 'pipe', 'ignore'] })
      await attempt('orphan', () => String(three).trim())
    `)
    expect(verdicts).toEqual([{ type: 'incomplete', message: 'done' }])
    const pids = Object.values(came).map(Number)
    onTestFinished(() => {
      for (const pid of pids) kill(pid, 'SIGKILL')
    })
    expect(pids).toHaveLength(3)
    for (const pid of pids) await until(`${pid} is gone`, () => !isAlive(pid))
  })

  test('empties no file by its name, also where Landlock does not see that', async () => {
    const victim = join(folder, 'victim')
    writeFileSync(victim, 'mine', { mode: 0o666 })
    const path = JSON.stringify(victim)
    const { came } = await hostile(`
      const { O_RDONLY, O_TRUNC, O_WRONLY } = fs.constants
      const own = join(store.tmp, 'own')
      const c = createRequire(${JSON.stringify(join(process.cwd(), 'package.json'))})('koffi')
      await attempt('open', () => fs.openSync(${path}, O_RDONLY | O_TRUNC))
      await attempt('pool', () => fs.promises.open(${path}, O_RDONLY | O_TRUNC))
      await attempt('truncate', () => libc().func('int truncate(const char *path, long length)')(${path}, 0) + ' ' + c.errno())
      await attempt('read', () => fs.readFileSync(${path}, 'utf8'))
      await attempt('own', () => { fs.writeFileSync(own, 'text'); fs.writeFileSync(own, ''); fs.truncateSync(own) })
    `)
    expect(came).toEqual({ open: 'EPERM', pool: 'EPERM', truncate: '-1 1', read: 'mine', own: 'ok' })
    expect(readFileSync(victim, 'utf8')).toBe('mine')
  })

  test('makes no file setuid or writable for others', async () => {
    const victim = join(folder, 'victim')
    writeFileSync(victim, 'x', { mode: 0o700 })
    await hostile(`
      await attempt('setuid', () => fs.chmodSync(${JSON.stringify(victim)}, 0o4755))
      await attempt('fd', () => fs.fchmodSync(fs.openSync(${JSON.stringify(victim)}, 'r'), 0o6755))
      await attempt('child', () => child.execFileSync('chmod', ['a+w,u+s', ${JSON.stringify(victim)}], { stdio: 'ignore' }))
      await attempt('promise', () => fs.promises.chmod(${JSON.stringify(victim)}, 0o777))
    `)
    expect(statSync(victim).mode & 0o7777).toBe(0o700)
  })
})

needs('root').describe('a hostile stager of root', () => {
  /** As `lstat` sees it, but for the access time. */
  const look = (path: string) => {
    const { mode, uid, gid, mtimeNs, ctimeNs } = lstatSync(path, { bigint: true })
    return { mode, uid, gid, mtimeNs, ctimeNs }
  }

  perl.test('changes no mode, owner, time or attribute of what is not its own, with Landlock or without', async () => {
    const victim = join(folder, 'victim')
    writeFileSync(victim, 'mine', { mode: 0o640 })
    writeFileSync(store.state, '{}', { mode: 0o600 })
    const places = [folder, victim, store.state, store.builds, store.root, store.tmp]
    // The first look at a tmp is the one that lends it.
    await hostile('')
    const before = places.map(look)
    const { came } = await hostile(`
      const succeeded = []
      const refused = []
      const change = (name, work) => {
        try { work(); succeeded.push(name) } catch { refused.push(name) }
      }
      const run = (...words) => child.execFileSync(words[0], words.slice(1), { stdio: 'ignore' })
      for (const path of ${JSON.stringify(places)}) {
        const fd = fs.openSync(path, 'r')
        const [uid, gid] = [process.getuid(), process.getgid()]
        change('chmod ' + path, () => fs.chmodSync(path, 0o700))
        change('fchmod ' + path, () => fs.fchmodSync(fd, 0o700))
        change('chown ' + path, () => fs.chownSync(path, uid, gid))
        change('fchown ' + path, () => fs.fchownSync(fd, uid, gid))
        change('lchown ' + path, () => fs.lchownSync(path, 0, 0))
        change('utimes ' + path, () => fs.utimesSync(path, 1, 1))
        change('futimes ' + path, () => fs.futimesSync(fd, 1, 1))
        change('lutimes ' + path, () => fs.lutimesSync(path, 1, 1))
        // Its own tmp it may write to.
        if (path !== store.tmp) change('touch ' + path, () => run('touch', '-c', path))
        const set = 'exit(syscall(188, $ARGV[0], "user.x", "y", 1, 0) == 0 ? 0 : 1)'
        if (process.arch === 'x64' && path !== store.tmp) change('xattr ' + path, () => run('perl', '-e', set, path))
      }
      await attempt('succeeded', () => succeeded.join() || 'none')
      await attempt('refused', () => refused.length)
    `)
    expect(came.succeeded).toBe('none')
    expect(Number(came.refused)).toBeGreaterThan(9 * places.length - 2)
    expect(places.map(look)).toEqual(before)
  })

  needs('open-node').test('reads nothing that root alone can read, when it needs nothing of that', async () => {
    const secret = join(folder, 'secret')
    writeFileSync(secret, 'for root', { mode: 0o600 })
    writeFileSync(store.state, '{}', { mode: 0o600 })
    const body = `
      await attempt('secret', () => fs.readFileSync(${JSON.stringify(secret)}))
      await attempt('state', () => fs.readFileSync(store.state))
      await attempt('shadow', () => fs.readFileSync('/etc/shadow'))
      await attempt('child', () => child.spawnSync('cat', ['/etc/shadow'], { stdio: 'ignore' }).status)
      await attempt('capabilities', () => /^CapEff:\\s*(\\S+)/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1])
      await attempt('tmp', () => fs.writeFileSync(directory, 'x'))
    `
    // This project may stand where root alone can read.
    const open = await temporaryFolder()
    copyProgram(open)
    execFileSync('chmod', ['-R', 'a+rX', open])
    const { stage: startStage } = await import(join(open, 'dist/src/runtime/stager/staging.js'))
    const options = { source: 'https://127.0.0.1/app', startStage }
    // The folder of the test is closed at first, and the program stands in it.
    expect(await hostile(body, options)).toMatchObject({ came: { secret: 'for root' } })
    chmodSync(folder, 0o755)
    chmodSync(dirname(store.root), 0o755)
    expect((await hostile(body, options)).came).toEqual({
      secret: 'EACCES',
      state: 'EACCES',
      shadow: 'EACCES',
      child: '1',
      capabilities: '0000000000000000',
      tmp: 'ok',
    })
  })

  test('can read what root alone can read, for a source that may be that, and that is all', async () => {
    const secret = join(folder, 'secret')
    writeFileSync(secret, 'for root', { mode: 0o600 })
    const { came } = await hostile(`
      await attempt('read', () => fs.readFileSync(${JSON.stringify(secret)}, 'utf8').replace(' ', '-'))
      await attempt('append', () => fs.appendFileSync(${JSON.stringify(secret)}, 'x'))
      await attempt('user', () => [process.getuid() > 65519, process.getgroups().join()].join())
    `)
    expect(came).toEqual({ read: 'for-root', append: 'EACCES', user: 'true,65520' })
  })

  test('is nobody else, whichever master has started him', async () => {
    const body = `await attempt('user', () => process.getuid())`
    // Each counts for itself what it has started.
    vi.resetModules()
    const one = await import('../../../src/runtime/stager/staging.ts')
    vi.resetModules()
    const other = await import('../../../src/runtime/stager/staging.ts')
    const runs = [one, other, other].map(({ stage: startStage }) => hostile(body, { startStage }))
    const users = (await Promise.all(runs)).map(({ came }) => Number(came.user))
    expect(new Set(users).size, users.join()).toBe(runs.length)
  })

  test('is given no file of somebody else by a second name of it', async () => {
    const sealed = join(store.builds, 'app')
    writeFileSync(sealed, 'app', { mode: 0o644 })
    // As a stager could, where fs.protected_hardlinks is off, while a build is taken back beside it.
    linkSync(sealed, join(store.tmp, 'partial-x'))
    const { came } = await hostile(`
      await attempt('write', () => fs.writeFileSync(join(store.tmp, 'partial-x'), 'other', { flag: 'r+' }))
    `)
    expect(came.write).toBe('ENOENT')
    expect(lstatSync(sealed).uid).toBe(0)
    expect(readFileSync(sealed, 'utf8')).toBe('app')
  })

  test('finds no folder in the place of a download; root removes none whose maker may still work in it', async () => {
    mkdirSync(join(store.tmp, 'partial-x'))
    writeFileSync(join(store.tmp, 'partial-x', 'file'), '')
    const { came } = await hostile(`await attempt('folder', () => fs.existsSync(join(store.tmp, 'partial-x')))`)
    expect(came.folder).toBe('false')
    const [stray = ''] = readdirSync(store.tmp).filter((name) => name.startsWith('stray-'))
    expect(readdirSync(join(store.tmp, stray))).toEqual(['file'])
  })

  test('has no power over what another one is making at the same time', async () => {
    const other = hostile(`
      fs.mkdirSync(directory)
      fs.writeFileSync(join(directory, 'app'), 'app')
      say('ready ' + directory)
      await new Promise((resolve) => process.on('SIGUSR1', resolve))
      await attempt('own', () => fs.readFileSync(join(directory, 'app'), 'utf8'))
    `)
    const theirs = await until('the other one works', () => {
      const name = readdirSync(store.tmp).find((each) => existsSync(join(store.tmp, each, 'app')))
      return name === undefined ? null : join(store.tmp, name)
    })
    const uid = lstatSync(theirs).uid
    const { came } = await hostile(`
      const theirs = ${JSON.stringify(theirs)}
      await attempt('rename', () => fs.renameSync(theirs, theirs + '-mine'))
      await attempt('remove', () => fs.rmSync(theirs, { recursive: true }))
      await attempt('chmod', () => fs.chmodSync(join(theirs, 'app'), 0))
      await attempt('write', () => fs.writeFileSync(join(theirs, 'app'), 'other'))
    `)
    expect(
      Object.values(came).every((each) => /EPERM|EACCES/.test(each)),
      JSON.stringify(came),
    ).toBe(true)
    const stager = pidsOf(uid)
    expect(stager).toHaveLength(1)
    process.kill(stager[0]!, 'SIGUSR1')
    expect((await other).came.own).toBe('app')
  })

  const pidsOf = (uid: number): number[] =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        try {
          return statSync(`/proc/${pid}`).uid === uid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)
        } catch {
          return false
        }
      })
})

describe('a stager', () => {
  test('has no descriptor but null and its own pipes, no privileges, and dies before others do', async () => {
    const { came } = await hostile(`
      await attempt('fds', () => fs.readdirSync('/proc/self/fd').map(Number).filter((fd) => fd < 4 || (() => {
        try { return !/^(?:anon_inode:|pipe:|\\/dev\\/null)/.test(fs.readlinkSync('/proc/self/fd/' + fd)) } catch { return false }
      })()).join())
      await attempt('targets', () => [0, 1, 2, 3].map((fd) => fs.readlinkSync('/proc/self/fd/' + fd).replace(/\\d+/, '')).join())
      await attempt('status', () => {
        const status = fs.readFileSync('/proc/self/status', 'utf8')
        return ['NoNewPrivs', 'CapEff', 'CapBnd'].map((name) => new RegExp('^' + name + ':\\\\s*(\\\\S+)', 'm').exec(status)[1]).join()
      })
      await attempt('limits', () => fs.readFileSync('/proc/self/limits', 'utf8').split('\\n').filter((line) => /^Max (?:core|data|file size|cpu|processes)/.test(line)).map((line) => line.split(/\\s{2,}/)[1]).join())
      await attempt('oom', () => fs.readFileSync('/proc/self/oom_score_adj', 'utf8').trim())
    `)
    expect(came.fds).toBe('0,1,2,3')
    expect(came.targets).toMatch(/^\/dev\/null,\/dev\/null,socket:\[\],socket:\[\]$/)
    const [privileges, effective, bounding] = came.status!.split(',')
    expect(privileges).toBe('1')
    if (isRoot) expect([effective, bounding]).toEqual(['0000000010000004', '000000001000000e'])
    const [cpu, file, data, core, processes] = came.limits!.split(',')
    expect([cpu, file, data, core]).toEqual(['1800', '8589934592', '1073741824', '0'])
    if (isRoot) expect(processes).toBe('4096')
    expect(came.oom).toBe('1000')
  })

  test.each([
    ['on the heap', 'const hog = []; for (;;) hog.push(new Array(1e5).fill(hog.length))', /heap|killed|SIG/i],
    ['in buffers', 'const hog = []; for (;;) hog.push(Buffer.alloc(1 << 24, 1))', /allocation|memory|SIG/i],
  ])('that takes all memory %s dies alone, and costs one try', async (_, body, why) => {
    const before = process.memoryUsage.rss()
    const { verdicts } = await hostile(body)
    expect(verdicts).toEqual([{ type: 'error', message: expect.stringMatching(why) }])
    expect(process.memoryUsage.rss() - before).toBeLessThan(100e6)
    expect(await readdir(store.tmp)).toEqual([])
  })

  test('that fills its stderr for ever is ended', async () => {
    const { verdicts } = await hostile(`for (;;) try { fs.writeSync(2, 'x'.repeat(65536)) } catch {}`, {
      deadlineMs: 30_000,
    })
    expect(verdicts).toEqual([{ type: 'error', message: expect.stringContaining('stderr without end') }])
  })

  test('that hangs without ever yielding is ended at its deadline', async () => {
    const { verdicts } = await hostile('for (;;);', { deadlineMs: 1_000 })
    expect(verdicts).toEqual([{ type: 'error', message: expect.stringContaining('ended after 1.0 s') }])
  })

  test('that stops itself is ended at its deadline', async () => {
    const { verdicts, staging } = await hostile(`process.kill(process.pid, 'SIGSTOP')`, { deadlineMs: 1_000 })
    expect(verdicts).toEqual([{ type: 'error', message: expect.stringContaining('ended after 1.0 s') }])
    expect(readProcess(staging.pid!)).toBeNull()
  })

  test('says in one sentence what it died of', async () => {
    const { verdicts } = await hostile(`throw new Error('no way \\u001b[31m')`)
    expect(verdicts).toEqual([{ type: 'error', message: expect.stringMatching(/ended with status 1 .*Error: no way/) }])
    expect(JSON.stringify(verdicts)).not.toContain('\\u001b')
  })
})
