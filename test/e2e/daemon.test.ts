/** `autoup start`: a master in the background, the verdict on its start, its log, and what is left when it fails. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ask } from '../support/ask.ts'
import { publish, script } from '../support/builds.ts'
import { type Daemonized, daemon } from '../support/daemon.ts'
import { hold } from '../support/held.ts'
import { AUTOUP, autoup, temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'
import { plainApp } from '../support/plain-app.ts'
import { freePort } from '../support/ports.ts'
import { descriptorsOf, isAlive, kill, readProcess } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { openTerminal } from '../support/tmux.ts'
import { until } from '../support/until.ts'
import { serveHttp } from '../support/web.ts'

interface Serving extends Daemonized {
  readonly port: number
  readonly app: string
  readonly words: string[]
}

/** An app on a free port; nothing is started yet. */
async function prepared(app = plainApp()): Promise<Serving> {
  const port = await freePort()
  const path = join(temporaryDirectory(), 'app')
  publish(path, app)
  const words = ['--listen', `127.0.0.1:${port}`, '--', path]
  return { ...daemon({ env: { TEST_PORT: String(port) } }), port, app: path, words }
}

function terminalOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[4])
}

const umaskOf = (pid: number) => /^Umask:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]

describe('a start', () => {
  test('comes back when the app serves, and leaves a master with a session and a log of its own', async () => {
    const app = await prepared()
    const started = await app.start(...app.words)
    expect(started).toMatchObject({ code: 0, stdout: '' })
    const pid = app.pid()
    expect(started.stderr).toBe(`app is ready, pid ${pid}; log: ${join(app.home, 'service.log')}\n`)
    const worker = (await ask(app.port)).pid
    expect([readProcess(pid)?.session, terminalOf(pid), umaskOf(pid), umaskOf(worker)]).toEqual([
      pid,
      0,
      '0022',
      '0022',
    ])
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe(process.cwd())
    const log = join(app.home, 'service.log')
    for (const each of [pid, worker]) {
      expect(['0', '1', '2'].map((fd) => readlinkSync(`/proc/${each}/fd/${fd}`))).toEqual(['/dev/null', log, log])
      // O_APPEND of open(2).
      const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/${each}/fdinfo/2`, 'utf8'))?.[1]
      expect(Number.parseInt(flags ?? '0', 8) & 0o2000).toBe(0o2000)
    }
    expect(await app.cli('stop')).toMatchObject({ code: 0 })
    expect([isAlive(pid), isAlive(worker), existsSync(join(app.home, 'master.pid'))]).toEqual([false, false, false])
  })

  test('waits for all the workers that were asked for', async () => {
    const app = await prepared()
    expect(await app.start('--instances', '3', ...app.words)).toMatchObject({ code: 0 })
    expect(app.events().filter(({ type }) => type === 'worker-ready')).toHaveLength(3)
  })

  test('of what runs already is one sentence, and changes nothing', async () => {
    const app = await prepared()
    await app.start(...app.words)
    const pid = app.pid()
    const worker = (await ask(app.port)).pid
    expect(await app.start(...app.words)).toEqual({ code: 0, stdout: '', stderr: `app is running, pid ${pid}\n` })
    expect(await app.start('--fetch', 'github:org/app', '--listen', '1')).toMatchObject({
      code: 0,
      stderr: `app is running, pid ${pid}, from a command, and goes on with that; stop it first, or give another --name\n`,
    })
    expect([app.pid(), (await ask(app.port)).pid]).toEqual([pid, worker])
  })

  test('is followed by upgrades, and where one fails it is said where its words are', async () => {
    const app = await prepared()
    const source = ['--fetch', `file:${app.app}`, '--interval', '1h', '--probation', '100ms']
    expect(await app.start(...source, ...app.words.slice(0, 2))).toMatchObject({ code: 0 })
    // During a promotion an upgrade waits for the verdict on that one.
    await until('it is committed', () => app.events().some(({ type }) => type === 'build-committed'))
    publish(app.app, script('#!/bin/sh\necho these words\nexit 3\n'))
    const failed = await app.cli('upgrade')
    expect(failed.code).toBe(6)
    expect(failed.stderr).toMatch(/exited with 3 .*; \w+ serves on; `autoup logs app` shows what it wrote\n$/)
    expect((await app.cli('logs')).stdout).toContain('these words')
  })

  test('of what is stopping waits for its end first', async () => {
    const app = await prepared()
    await app.start(...app.words)
    const pid = app.pid()
    const held = await hold(app.port)
    expect(await app.cli('stop', '--no-wait')).toMatchObject({ code: 0 })
    const inTime = await app.start('--timeout', '100ms', ...app.words)
    expect(inTime).toMatchObject({ code: 7, stderr: expect.stringContaining(`pid ${pid}) has not ended`) })
    const starting = app.start(...app.words)
    await held.finish()
    expect(await starting).toMatchObject({ code: 0, stderr: expect.stringContaining('app is ready') })
    expect([app.pid() === pid, isAlive(pid), isAlive(app.pid())]).toEqual([false, false, true])
  })

  test('is not hindered by what a killed master has left: pid file, socket, lock and log', async () => {
    const app = await prepared()
    await app.start(...app.words)
    const killed = app.pid()
    kill(killed, 'SIGKILL')
    await until('it is gone', () => !isAlive(killed))
    expect(existsSync(join(app.home, 'control.sock'))).toBe(true)
    expect(await app.start(...app.words)).toMatchObject({ code: 0 })
    expect(app.pid()).not.toBe(killed)
    expect(
      app
        .log()
        .split('\n')
        .filter((line) => line.includes('"master-started"')),
    ).toHaveLength(2)
  })

  test('takes a umask for what it and its workers make', async () => {
    const app = await prepared()
    await app.start('--umask', '027', ...app.words)
    expect(umaskOf((await ask(app.port)).pid)).toBe('0027')
  })

  test('does not wait with --no-wait, and goes on trying', async () => {
    const app = daemon()
    const started = await app.start('--no-wait', '--listen', `127.0.0.1:${await freePort()}`, '--', 'false')
    expect(started).toMatchObject({ code: 0, stderr: expect.stringContaining('app is started, pid') })
    expect(await app.cli('stop')).toMatchObject({ code: 0 })
  })

  needs('tmux').test('shows at a terminal how its first build comes', async () => {
    const app = await prepared()
    const build = Buffer.concat([readFileSync(app.app), Buffer.from(`\n//${'x'.repeat(500_000)}\n`)])
    let finish = (): void => {}
    onEnd(() => finish())
    const { origin } = await serveHttp(({ method, url }, response) => {
      if (url !== '/app') return void response.writeHead(404).end()
      response.writeHead(200, { 'content-length': build.length, etag: '"1"' })
      if (method === 'HEAD') return void response.end()
      // Byte after byte until it was seen: the progress is told by the clock of the download.
      let sent = 250_000
      response.write(build.subarray(0, sent))
      const drip = setInterval(() => response.write(build.subarray(sent, ++sent)), 50)
      finish = () => {
        clearInterval(drip)
        response.end(build.subarray(sent))
      }
    })
    const words = ['--fetch', `${origin}/app`, '--allow-unverified', '--listen', `127.0.0.1:${app.port}`]
    const terminal = openTerminal({ columns: 120, env: { TEST_PORT: String(app.port) } })
    terminal.type(
      `clear; ${[process.execPath, AUTOUP, 'start', app.name, '--state-dir', app.stateDir, ...words].join(' ')}`,
    )
    await terminal.shows(/fetch +.* of 500\.\d kB, \d+ %/)
    finish()
    const left = await terminal.shows(/^app is ready, pid \d+/m)
    expect(left).toMatch(/release .* is there: app\n.*build .* is staged/)
    expect(left).not.toMatch(/ %/)
    expect(await app.cli('stop')).toMatchObject({ code: 0 })
  })

  needs('python3').test('outlives the terminal that it was typed on', async () => {
    const app = await prepared()
    const shell = spawn(
      'python3',
      [
        '-c',
        `import os, pty, sys
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
try:
    while os.read(fd, 4096): pass
except OSError: pass
os.waitpid(pid, 0)
os.close(fd)`,
        ...[process.execPath, AUTOUP, 'start', 'app', '--state-dir', app.stateDir, ...app.words],
      ],
      { env: { ...process.env, TEST_PORT: String(app.port) }, stdio: 'inherit' },
    )
    await once(shell, 'exit')
    expect(await app.cli('status')).toMatchObject({ code: 0 })
    kill(app.pid(), 'SIGHUP')
    await until('it has heard that', () => app.log().includes('"reload-finished"'))
    expect(isAlive(app.pid())).toBe(true)
  })
})

describe('a start that fails leaves nothing running, and says why', () => {
  const dies = script('#!/bin/sh\necho "no config found" >&2\nexit 3\n')
  const hangs = script('#!/bin/sh\nexec sleep 1000\n')

  test.each([
    ['a command that is not there', ['--', 'no-such-program'], 127, "cannot find the command 'no-such-program'"],
    ['one that is not executable', ['--', 'TEXT'], 126, 'is not executable'],
    ['one that dies', ['--', 'DIES'], 1, 'exited with 3'],
    ['one that hangs', ['--ready-timeout', '300ms', '--', 'HANGS'], 7, 'was not seen to serve'],
    ['one that hangs longer than we wait', ['--timeout', '1s', '--', 'HANGS'], 7, 'it was not ready in 1000 ms'],
    ['a first build that dies', ['--fetch', 'file:DIES'], 6, 'exited with 3'],
    ['a first build that is none', ['--fetch', 'file:TEXT'], 5, 'is not executable'],
    ['a source that is not there', ['--fetch', 'file:NOTHING'], 1, 'there is nothing by that name'],
    ['a bad option', ['--probation', 'soon', '--', 'DIES'], 2, 'is not a duration'],
  ])('%s', async (_, words, code, why) => {
    const folder = temporaryDirectory()
    dies(join(folder, 'DIES'))
    hangs(join(folder, 'HANGS'))
    writeFileSync(join(folder, 'TEXT'), 'hello\n')
    const app = daemon()
    const placed = words.map((word) => word.replace(/[A-Z]{4,}$/, (file) => join(folder, file)))
    const started = await app.start('--listen', `127.0.0.1:${await freePort()}`, ...placed)
    expect(started).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(why) })
    const fetches = words.includes('--fetch') && code >= 5 ? 'app fetches [0-9a-f]{12}: [A-Z]{4}\n' : ''
    const lastWords = words.at(-1)?.endsWith('DIES') && code !== 2 ? 'no config found\n' : ''
    expect(started.stderr).toMatch(new RegExp(`^${fetches}${lastWords}autoup: `))
    expect(existsSync(join(app.home, 'master.pid'))).toBe(false)
    expect(await app.cli('status')).toMatchObject({ code: 3 })
  })

  test('also when the build has failed before, and is not tried again', async () => {
    const path = join(temporaryDirectory(), 'app')
    publish(path, dies)
    const app = daemon()
    const words = ['--listen', `127.0.0.1:${await freePort()}`, '--fetch', `file:${path}`]
    expect(await app.start(...words)).toMatchObject({ code: 6 })
    expect(await app.start(...words)).toMatchObject({ code: 6, stderr: expect.stringContaining('in quarantine') })
  })

  test('a log directory that is gone', async () => {
    const app = await prepared()
    const started = await app.start('--log-file', '/nowhere/app.log', ...app.words)
    expect(started).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no directory /nowhere') })
  })

  test('an interrupt while it waits ends the master, too', async () => {
    const app = daemon()
    const words = ['--listen', `127.0.0.1:${await freePort()}`, '--', 'sleep', '600']
    const child = spawn(process.execPath, [AUTOUP, 'start', 'app', '--state-dir', app.stateDir, ...words])
    onEnd(() => child.kill('SIGKILL'))
    await until(
      'a worker runs',
      () => existsSync(join(app.home, 'service.log')) && app.log().includes('worker-started'),
    )
    const pid = app.pid()
    child.kill('SIGINT')
    const [code] = (await once(child, 'exit')) as [number]
    expect([code, isAlive(pid)]).toEqual([1, false])
  })

  test('but where the workers of a killed master serve on, it lets them', async () => {
    const app = await prepared()
    await app.start(...app.words)
    const [killed, before] = [app.pid(), (await ask(app.port)).pid]
    kill(killed, 'SIGKILL')
    await until('it is gone', () => !isAlive(killed))
    publish(app.app, dies)
    const started = await app.start(...app.words)
    expect(started).toMatchObject({ code: 1, stderr: expect.stringContaining('serve on') })
    expect((await ask(app.port)).pid).toBe(before)
    publish(app.app, plainApp())
    await until('the next try has come through', async () => (await ask(app.port)).pid !== before)
  })
})

describe('its log', () => {
  test('is rotated by size while workers write to it, and no line is torn', async () => {
    const chatty = `setInterval(() => { for (let i = 0; i < 50; i++) console.log('line', n++, 'x'.repeat(80)) }, 20); let n = 0`
    const app = await prepared(plainApp({ last: chatty }))
    expect(await app.start('--log-size', '64KiB', '--log-keep', '2', ...app.words)).toMatchObject({ code: 0 })
    const at = (number: number) => join(app.home, `service.log.${number}`)
    await until('three rotations', () => existsSync(at(2)) && readFileSync(at(2), 'utf8').includes('line'))
    await until('a third one', () => !readFileSync(at(2), 'utf8').includes('master-started'))
    await app.cli('stop')
    expect([existsSync(at(3)), existsSync(join(app.home, 'service.log.rotating'))]).toEqual([false, false])
    expect(readFileSync(join(app.home, 'service.log')).includes(0)).toBe(false)
    for (const line of readFileSync(at(1), 'utf8').split('\n').slice(1, -1))
      expect(line).toMatch(/^(line \d+ x{80}|\{)/)
  })

  test('is opened anew at USR1: what starts then writes to the new file', async () => {
    const app = await prepared()
    await app.start(...app.words)
    const log = join(app.home, 'service.log')
    renameSync(log, `${log}.mine`)
    kill(app.pid(), 'SIGUSR1')
    await until('there is a new one', () => existsSync(log))
    expect(await app.cli('restart')).toMatchObject({ code: 0 })
    expect(app.log()).toContain('"promotion-started"')
    await until('the new worker writes there', async () => descriptorsOf((await ask(app.port)).pid).includes(log))
    expect(statSync(log).mode & 0o777).toBe(0o640)
  })

  test('goes where it was told to, and is opened there again', async () => {
    const app = await prepared()
    const folder = join(temporaryDirectory(), 'logs')
    mkdirSync(folder)
    const log = join(folder, 'web.log')
    await app.start('--log-file', log, ...app.words)
    expect(readFileSync(log, 'utf8')).toContain('"master-started"')
    expect(readlinkSync(join(app.home, 'log'))).toBe(log)
    rmSync(folder, { recursive: true })
    kill(app.pid(), 'SIGUSR1')
    const held = await hold(app.port)
    expect((await held.finish()).pid).toBe((await ask(app.port)).pid)
    expect(isAlive(app.pid()), 'a log that cannot be opened is no reason to end').toBe(true)
    // What is written to the log now is read by nobody.
    const warning = await until('it is told', async () =>
      /"type":"warning".*/.exec((await app.cli('events', '--json')).stdout),
    )
    expect(warning[0]).toContain(`the log could not be opened anew: cannot open the log ${log}: there is no directory`)
    expect(await app.cli('logs')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${log} is gone; where its directory is there, USR1 to the master makes it anew`),
    })
    mkdirSync(folder)
    kill(app.pid(), 'SIGUSR1')
    await until('there is a new one', () => existsSync(log))
    expect(await app.cli('logs')).toMatchObject({ code: 0 })
  })
})

describe('autoup logs', () => {
  test('shows events as sentences and the lines of the app as they are, also after the end', async () => {
    const app = await prepared(plainApp({ first: "console.log('hello from the app')" }))
    await app.start(...app.words)
    const shown = await app.cli('logs')
    expect(shown).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/is bound\n.*\nhello from the app\n.*is ready/s),
    })
    expect(await app.cli('logs', '--raw')).toMatchObject({ stdout: app.log() })
    await app.cli('stop')
    const last = await autoup(['logs', '--state-dir', app.stateDir, '--lines', '1'])
    expect(last).toMatchObject({ code: 0, stdout: expect.stringMatching(/^.* has stopped\n$/) })
  })

  const LINE_BYTES = 5_000

  test('follows through rotations until it is interrupted', async () => {
    const app = await prepared(
      plainApp({
        last: `let n = 0; process.on('SIGWINCH', () => console.log('line', n++, 'x'.repeat(${LINE_BYTES})))`,
      }),
    )
    await app.start('--log-size', '4KiB', ...app.words)
    const log = join(app.home, 'service.log')
    const worker = (await ask(app.port)).pid
    const child = spawn(process.execPath, [AUTOUP, 'logs', 'app', '--state-dir', app.stateDir, '--follow'])
    onEnd(() => child.kill('SIGKILL'))
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (more) => {
      text += more
    })
    await until('it follows', () => text.includes('is ready'))
    const copy = join(app.home, 'service.log.1')
    for (let line = 0; line < 3; line++) {
      kill(worker, 'SIGWINCH')
      await until(`line ${line}`, () => text.includes(`line ${line} `))
      await until(`copy ${line}`, () => existsSync(copy) && readFileSync(copy, 'utf8').includes(`line ${line} `))
      // What comes between the copy and the cut is lost.
      await until(`cut ${line}`, () => statSync(log).size < LINE_BYTES)
    }
    child.kill('SIGINT')
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(text.match(/line \d/g)).toEqual(['line 0', 'line 1', 'line 2'])
  })

  test('says where there is none', async () => {
    expect(await daemon().cli('logs')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cannot read the log of app'),
    })
    const app = await prepared()
    expect(await app.cli('logs', '--lines', 'many')).toMatchObject({ code: 2 })
  })
})

test('a daemon that a worker starts is nobody’s worker, and no orphan of its master', async () => {
  const inner = await prepared()
  const words = [process.execPath, AUTOUP, 'start', 'app', '--state-dir', inner.stateDir, ...inner.words]
  const outer = await prepared(
    plainApp({
      last: `require('node:child_process').spawnSync(${JSON.stringify(words[0])}, ${JSON.stringify(words.slice(1))}, { stdio: 'inherit', env: { ...process.env, TEST_PORT: '${inner.port}', AUTOUP_STATE: '/elsewhere', AUTOUP_PID: '1', NOTIFY_SOCKET: '/elsewhere' } })`,
    }),
  )
  await outer.start(...outer.words)
  const pid = await until('it runs', () => existsSync(join(inner.home, 'master.pid')) && inner.pid())
  const own = readFileSync(`/proc/${pid}/environ`, 'utf8')
    .split('\0')
    .filter((each) => /elsewhere|^AUTOUP_PID=/.test(each))
  expect(own).toEqual([])
})
