import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { nodeServer, publish } from '../support/builds.ts'
import { tracedFromTheStart } from '../support/faults-strace.ts'
import { AUTOUP, autoup, said, startMaster, temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'
import { needs } from '../support/requirements.ts'
import { startService } from '../support/service.ts'

/** Arguments, exit code, what the sentence must say. */
const table: [string, string[], number, RegExp][] = [
  ['an unknown option, with a suggestion', ['--instnces', '2', '--', 'true'], 2, /--instances/],
  ['an unknown command', [], 2, /unknown command|frobnicate/],
  ['a bad address', ['--listen', 'nowhere', '--', 'true'], 2, /cannot listen on 'nowhere'/],
  ['a port beyond the range', ['--listen', '70000', '--', 'true'], 2, /65535/],
  ['a bad duration', ['--probation', '10', '--', 'true'], 2, /'10' is not a duration/],
  ['a bad number', ['--instances', 'many', '--', 'true'], 2, /instances/],
  ['a bad signal name', ['--drain-signal', 'SIGFOO', '--', 'true'], 2, /SIGFOO/],
  ['a bad strategy', ['--strategy', 'purple', '--', 'true'], 2, /blue-green/],
  ['a bad way to be ready', ['--ready', 'maybe', '--', 'true'], 2, /notify/],
  ['an option like no other', ['--frobnicate', '--', 'true'], 2, /'--frobnicate': see autoup run --help/],
  ['an empty state directory', ['--state-dir', '', '--', 'true'], 2, /--state-dir needs a directory/],
  ['the same address twice', ['--listen', '9', '--listen', '9', '--', 'true'], 2, /two .* address \*:9: leave one out/],
  ['no command and no --fetch', [], 2, /--fetch/],
  ['an unknown scheme', ['--fetch', 'ftp://example.org/x'], 2, /file:/],
  ['an unknown user', ['--user', 'nobody-such', '--', 'true'], 2, /nobody-such/],
  ['a missing command', ['--', '/nonexistent/program'], 127, /\/nonexistent\/program/],
  ['a missing command in PATH', ['--', 'no-such-program-here'], 127, /no-such-program-here/],
  ['a command that is not executable', ['--', '/etc/passwd'], 126, /\/etc\/passwd/],
  ['a command that is nowhere, in the directory it is run in', ['--', './no-such'], 127, /'\.\/no-such' in \//],
  ['a command that is a folder', ['--', '/etc'], 126, /'\/etc' is a folder/],
  ['a unix path that is too long', ['--listen', `unix:/tmp/${'x'.repeat(120)}`, '--', 'true'], 2, /107 bytes/],
  ['a relative unix path', ['--listen', 'unix:app.sock', '--', 'true'], 2, /absolute/],
]

describe('bad options get one clear sentence and the right exit code', () => {
  test.each(table)('%s', async (what, args, code, words) => {
    const options = ['--state-dir', temporaryDirectory(), ...args]
    const { stderr, stdout, ...ended } = await autoup(
      what === 'an unknown command' ? ['frobnicate'] : ['run', ...options],
    )
    expect(ended, stderr).toMatchObject({ code })
    expect(stderr).toMatch(words)
    expect(stdout).toBe('')
    expect(stderr, 'no stack trace').not.toMatch(/\n\s+at /)
  })
})

const programs: [string, string | Buffer, RegExp][] = [
  ['is empty', '', /is empty/],
  ['is text', 'sleep 1000\n', /is text without a #! line/],
  ['has no interpreter', '#!/nonexistent/sh\n', /needs \/nonexistent\/sh/],
  ['is a truncated program', readFileSync('/bin/sh').subarray(0, 20_000), /is a truncated ELF file/],
]

test.each(programs)('a command that %s is not handed to a shell', async (_, content, words) => {
  const program = join(temporaryDirectory(), 'app')
  writeFileSync(program, content, { mode: 0o755 })
  const { code, stderr } = await autoup(['run', '--state-dir', temporaryDirectory(), '--', program])
  expect(stderr).toMatch(/^autoup: cannot run '[^\n]*\n$/)
  expect(stderr).toMatch(words)
  expect(code).toBe(126)
})

test('a command, and the interpreter it names, are looked up where its own PATH says', async () => {
  const folder = temporaryDirectory()
  writeFileSync(join(folder, 'tool'), '#!/usr/bin/env own-sh\n', { mode: 0o755 })
  writeFileSync(join(folder, 'own-sh'), '#!/bin/sh\nexit 7\n', { mode: 0o755 })
  writeFileSync(join(folder, 'env'), `PATH=/usr/bin:/bin:${folder}\n`)
  const args = ['--state-dir', temporaryDirectory(), '--no-respawn', '--env-file', join(folder, 'env'), '--', 'tool']
  const { code, stderr } = await autoup(['run', ...args])
  expect(code, stderr).toBe(7)
})

test.each([['run', '--', 'true'], ['start', '--', 'true'], ['dev', '--', 'true'], ['demo']])(
  '%s elsewhere than on Linux gets one sentence',
  async (...words) => {
    const elsewhere = join(temporaryDirectory(), 'elsewhere.cjs')
    writeFileSync(elsewhere, "Object.defineProperty(process, 'platform', { value: 'darwin' })\n")
    const { code, stdout, stderr } = await autoup(words, { env: { NODE_OPTIONS: `--require=${elsewhere}` } })
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: `autoup: autoup ${words[0]} needs Linux, and this is darwin: run it there, or in a container\n`,
    })
  },
)

/** `run` of a build that would serve, with this state directory. */
async function run(stateDir: string, args: string[] = []): Promise<{ code: number | null; stderr: string }> {
  const path = join(temporaryDirectory(), 'app')
  publish(path, nodeServer())
  return autoup([
    'run',
    '--name',
    'app',
    '--state-dir',
    stateDir,
    '--log-format',
    'json',
    '--fetch',
    `file:${path}`,
    ...args,
  ])
}

describe('a state directory that cannot be used', () => {
  test('is a file', async () => {
    const path = join(temporaryDirectory(), 'file')
    writeFileSync(path, '')
    const { code, stderr } = await run(path)
    expect(code, stderr).toBe(1)
    expect(stderr).toContain(path)
  })

  test('is where no directory can be made', async () => {
    const { code, stderr } = await run('/proc/autoup')
    expect(code, stderr).toBe(1)
    expect(stderr).toBe(
      'autoup: cannot write /proc/autoup/app: there is no such place, and none can be made; choose another --state-dir\n',
    )
  })

  needs('root', 'unshare').test.each([
    ['is on a read-only file system', 'ro', ':', /read-only/],
    ['is on a full disk', 'size=64k', 'cat /dev/zero >"$DIRECTORY/full" 2>&-', /no space|full/],
  ])('%s', async (_, mounted, prepare, words) => {
    const directory = temporaryDirectory()
    const stateDir = join(directory, 'state')
    const script = `mount -t tmpfs -o ${mounted} tmpfs "$DIRECTORY"; ${prepare}; exec "$@"`
    const through = ['unshare', '--mount', 'sh', '-c', script, 'sh']
    const master = await startMaster({ stateDir, through, env: { DIRECTORY: directory }, command: ['sleep', '1000'] })
    expect(await master.exited, master.story()).toBe(1)
    expect(said(master)).toContain(directory)
    expect(said(master)).toMatch(words)
  })

  test('was written by a newer version: nothing is touched', async () => {
    const stateDir = temporaryDirectory()
    mkdirSync(join(stateDir, 'app'), { recursive: true })
    writeFileSync(join(stateDir, 'app/state.json'), JSON.stringify({ format: 99, committed: 'who knows' }))
    const { code, stderr } = await run(stateDir)
    expect(code, stderr).toBe(1)
    expect(stderr).toMatch(/newer/)
  })
})

test('a damaged state.json is kept aside, and what the builds prove is recovered', async () => {
  const service = await startService()
  await service.master.stop()
  writeFileSync(join(service.master.home, 'state.json'), '{"format": 1, "committed"')
  const next = await service.again()
  expect(await next.ask()).toMatchObject({ version: '1' })
  expect(next.master.events.some((event) => event.type === 'warning' && /state\.json/.test(event.message))).toBe(true)
  expect(readdirSync(service.master.home).filter((name) => name.startsWith('state.json')).length).toBeGreaterThan(1)
})

needs('root', 'setpriv', 'open-project').test('another user, for a master that may not change users', async () => {
  const stateDir = temporaryDirectory()
  chmodSync(stateDir, 0o777)
  const through = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  const options = { stateDir, through, command: ['sleep', '1000'] }
  const other = await startMaster({ ...options, args: ['--ready', 'uptime:10ms', '--user', 'root'] })
  expect(await other.exited).toBe(1)
  expect(said(other)).toMatch(/^autoup: cannot start workers as the user 'root', since only root may change users: /)
  const same = await startMaster({ ...options, args: ['--ready', 'uptime:10ms', '--user', '65534:65534'] })
  await same.next('worker-ready')
})

test('a live unix socket of somebody else is left alone', async () => {
  const path = join(temporaryDirectory(), 'other.sock')
  const other = net.createServer((socket) => socket.on('error', () => {}).end('still here')).listen(path)
  onEnd(() => other.close())
  const { code, stderr } = await run(temporaryDirectory(), ['--listen', `unix:${path}`])
  expect(code, stderr).toBe(1)
  expect(stderr).toContain(path)
  const [text] = await new Promise<[string]>((resolve, reject) => {
    net
      .connect(path)
      .on('data', (data) => resolve([String(data)]))
      .on('error', reject)
  })
  expect(text).toBe('still here')
})

test('a dead unix socket is bound in place', async () => {
  const path = join(temporaryDirectory(), 'app.sock')
  const service = await startService({ listen: [`unix:${path}`] })
  await service.master.kill9()
  const next = await service.again()
  expect(await next.master.status()).toMatchObject({ listen: [{ address: `unix:${path}` }] })
})

needs('root', 'setpriv', 'unshare', 'open-project').test('a port that is not permitted says so', async () => {
  // A network namespace of its own, since a container may permit every port.
  const through = ['unshare', '--net', 'setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  const stateDir = temporaryDirectory()
  chmodSync(stateDir, 0o777)
  const master = await startMaster({ stateDir, through, args: ['--listen', '80'], command: ['sleep', '1000'] })
  expect(await master.exited).toBe(1)
  expect(said(master)).toMatch(/80.*(permi|root)/)
})

needs('root', 'setpriv', 'open-project').test(
  'the master of another user may not be asked, and is left alone',
  async () => {
    const service = await startService()
    const { master } = service
    const before = await service.ask()
    chmodSync(master.stateDir, 0o755)
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups']
    for (const command of ['status', 'upgrade', 'stop']) {
      const words = [...nobody, process.execPath, AUTOUP, command, 'app', '--state-dir', master.stateDir]
      const { status, stdout, stderr } = spawnSync('setpriv', words, { encoding: 'utf8' })
      expect({ status, stdout, stderr }).toEqual({
        status: 4,
        stdout: '',
        stderr: `autoup: not permitted to talk to the master in ${master.home}: do this as the user that runs it\n`,
      })
    }
    expect(await service.ask()).toEqual(before)
  },
)

test('without a terminal and without a command, help is on stdout and exits 0', async () => {
  const help = await autoup(['--help'])
  expect(help).toMatchObject({ code: 0, stderr: '' })
  for (const command of [
    'run',
    'status',
    'upgrade',
    'rollback',
    'restart',
    'releases',
    'stop',
    'pause',
    'resume',
    'stage',
  ]) {
    expect(help.stdout).toContain(command)
  }
})

needs('strace').test(
  'no place for the sockets on which workers speak: one sentence, and no socket is left',
  async () => {
    const path = join(temporaryDirectory(), 'app.sock')
    const options = { args: ['--listen', `unix:${path}`], command: ['sleep', '600'], stateDir: temporaryDirectory() }
    const first = await startMaster(options)
    await first.next('worker-started')
    await first.stop()
    const through = tracedFromTheStart('-e', 'trace=mkdir,mkdirat', '-e', 'inject=mkdir,mkdirat:error=EROFS')
    const next = await startMaster({ ...options, through })
    expect(await next.exited).toBe(1)
    expect(said(next)).toContain('cannot make a directory for notify sockets')
    expect(existsSync(path)).toBe(false)
  },
)

describe('where what is shown cannot be written', () => {
  const shell = (line: string) => spawnSync('bash', ['-c', line, process.execPath, AUTOUP], { encoding: 'utf8' })

  test.each([
    ['a command', 'explain --names - --platform linux/x64 <<< app-linux-x64'],
    ['help', '--help'],
  ])('%s says so and ends with 1', (_, words) => {
    const { status, stderr } = shell(`"$0" "$1" ${words} > /dev/full`)
    expect(stderr).toMatch(/^autoup: the output cannot be written: ENOSPC[^\n]*\n$/)
    expect(status).toBe(1)
  })

  test('a reader that has seen enough is no failure, and hides none', () => {
    expect(shell('set -o pipefail; "$0" "$1" run --help | true')).toMatchObject({ status: 0, stderr: '' })
    const refused = 'explain --names - --platform linux/x64 <<< app-windows-x64.zip'
    expect(shell(`set -o pipefail; "$0" "$1" ${refused} | true`).status).toBe(1)
  })

  test('what a reader has not taken yet is not lost, also of what fails', () => {
    const names = 'seq 1 4000 | sed "s/.*/app-&-sources.txt/"'
    const { stdout } = shell(`${names} | "$0" "$1" explain --names - --json 2> /dev/null | cat`)
    expect(JSON.parse(stdout)).toMatchObject({ choice: null, candidates: { length: 4000 } })
  })
})
