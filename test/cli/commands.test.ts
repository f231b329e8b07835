import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type CommandSpec, environmentName } from '../../src/cli/command.ts'
import { COMMANDS, loadCommand } from '../../src/cli/commands.ts'
import { RUN_OPTIONS } from '../../src/cli/run-options.ts'
import type { ControlReply } from '../../src/runtime/control/server.ts'
import { onEnd } from '../support/on-end.ts'
import { DONE, event, type FakeMaster, fakeMaster, ROW, STATUS, temporaryDirectory } from './fake-master.ts'
import { autoup, memory } from './terminal.ts'

describe('status', () => {
  test('as JSON is the documented object on one line', async () => {
    const { stateDir } = await fakeMaster()
    const { code, stdout, stderr } = await autoup(['status', 'app', '--json', '--state-dir', stateDir])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.endsWith('}\n')).toBe(true)
    expect(JSON.parse(stdout)).toEqual(STATUS)
  })

  test('for people needs no name where one runs', async () => {
    const { stateDir } = await fakeMaster()
    const { code, stdout } = await autoup(['status', '--state-dir', stateDir])
    expect(code).toBe(0)
    expect(stdout).toMatch(/app 1\.4\.2 {2}● idle {2}pid 4711/)
    expect(stdout).not.toContain('\u001b')
  })

  test('without a name is of all that run', async () => {
    const { stateDir } = await fakeMaster({ name: 'one' })
    await fakeMaster({ name: 'two', stateDir })
    const { code, stdout, stderr } = await autoup(['status', '--state-dir', stateDir])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^one 1\.4\.2[\s\S]*\n\ntwo 1\.4\.2/)
    const json = await autoup(['status', '--json', '--state-dir', stateDir])
    expect(json.stdout.trim().split('\n')).toHaveLength(2)
    expect(await autoup(['stop', '--state-dir', stateDir]), 'what changes something').toMatchObject({ code: 2 })
  })

  test('finds its master through the environment', async () => {
    const { stateDir } = await fakeMaster()
    const env = { AUTOUP_STATE_DIR: stateDir, AUTOUP_NAME: 'app' }
    expect(await autoup(['status'], { env })).toMatchObject({ code: 0 })
  })

  test('--watch --json is a line for each status that is another one, until the master ends', async () => {
    let version = '1.4.2'
    const master = await fakeMaster({ status: () => ({ ...STATUS, current: { ...STATUS.current!, version } }) })
    const stdout = memory()
    const watching = autoup(['status', '--watch', '--json', '--state-dir', master.stateDir], { stdout })
    await expect.poll(() => master.readers.size).toBe(1)
    master.emit(event(1))
    version = '1.5.0'
    master.emit(event(2))
    await expect.poll(() => stdout.text()).toContain('1.5.0')
    await master.server.close()
    expect((await watching).code).toBe(0)
    const lines = stdout.text().trim().split('\n')
    expect(lines.map((line) => JSON.parse(line).current.version)).toEqual(['1.4.2', '1.5.0'])
  })

  test('--watch --json follows every service that runs, also one that comes back, until the last has ended', async () => {
    const web = await fakeMaster({ name: 'web' })
    const { stateDir } = web
    const api = await fakeMaster({ name: 'api', stateDir })
    const stdout = memory()
    const watching = autoup(['status', '--watch', '--json', '--state-dir', stateDir], { stdout })
    await expect.poll(() => web.readers.size + api.readers.size).toBe(2)
    await api.server.close()
    const again = await fakeMaster({ name: 'api', stateDir, status: () => ({ ...STATUS, name: 'api', pid: 2 }) })
    await expect.poll(() => stdout.text(), { timeout: 10_000 }).toContain('"pid":2,')
    await web.server.close()
    await again.server.close()
    expect((await watching).code).toBe(0)
    const lines = stdout.text().trim().split('\n')
    expect(lines.map((line) => JSON.parse(line)).map(({ name, pid }) => `${name} ${pid}`)).toEqual([
      'api 4711',
      'web 4711',
      'api 2',
    ])
  })

  test('--watch of a dozen services warns of no leak', async () => {
    const warnings: string[] = []
    const onWarning = ({ message }: Error): void => void warnings.push(message)
    process.on('warning', onWarning)
    onEnd(() => void process.off('warning', onWarning))
    const first = await fakeMaster({ name: 'a' })
    const { stateDir } = first
    const masters = [first, ...(await Promise.all([...'bcdefghijkl'].map((name) => fakeMaster({ name, stateDir }))))]
    const watching = autoup(['status', '--watch', '--json', '--state-dir', stateDir])
    await expect.poll(() => masters.filter(({ readers }) => readers.size > 0).length).toBe(12)
    await Promise.all(masters.map(({ server }) => server.close()))
    expect((await watching).code).toBe(0)
    expect(warnings).toEqual([])
  })

  test('--watch without a terminal says what else there is', async () => {
    const { stateDir } = await fakeMaster()
    const { code, stderr } = await autoup(['status', '--watch', '--state-dir', stateDir])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^autoup: --watch is for a terminal: see `autoup events --follow`[^\n]*\n$/)
  })

  test('exits 3 with one sentence when nothing runs', async () => {
    const { code, stdout, stderr } = await autoup(['status', 'app', '--state-dir', temporaryDirectory()])
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toMatch(/^autoup: 'app' is not running[^\n]*\n$/)
  })
})

describe('commands that ask for something', () => {
  test.each(['upgrade', 'rollback', 'restart', 'check', 'pause', 'resume', 'stage'])(
    '%s asks, tells on stderr and exits as it is told',
    async (verb) => {
      const reply: ControlReply = { outcome: 'rolled-back', message: 'it died in probation', version: '1', exit: 6 }
      const verbs: string[] = []
      const { stateDir } = await fakeMaster({
        request: async (asked) => {
          verbs.push(asked)
          return reply
        },
      })
      expect(await autoup([verb, 'app', '--state-dir', stateDir])).toEqual({
        code: 6,
        stdout: '',
        stderr: 'app: it died in probation\n',
      })
      expect(verbs).toEqual([verb])
    },
  )

  test('at a terminal what happens meanwhile is shown, and the verdict once', async () => {
    const settled = {
      type: 'settled',
      activity: 'upgrade',
      outcome: 'committed',
      message: '1.5.0 is committed',
    } as const
    const master: FakeMaster = await fakeMaster({
      request: async () => {
        master.emit(event(1, 'something happens'))
        master.emit({ ...settled, version: '1.5.0', at: event(2).at, sequence: 2 })
        return DONE
      },
    })
    master.emit(event(0, 'long ago'))
    const stderr = memory(true)
    const { code } = await autoup(['upgrade', '--state-dir', master.stateDir], { stderr })
    expect(code).toBe(0)
    expect(stderr.text()).toContain('something happens')
    expect(stderr.text()).not.toContain('long ago')
    expect(stderr.text().split('1.5.0 is committed')).toHaveLength(2)
    await expect.poll(() => master.readers.size).toBe(0)
  })

  test('options are passed on', async () => {
    const { stateDir, asked } = await fakeMaster()
    await autoup(['upgrade', '--again', '--no-wait', '--state-dir', stateDir])
    await autoup(['restart', '--state-dir', stateDir])
    expect(asked.map(({ options }) => options)).toEqual([
      { again: true, resetTrust: false, wait: false, now: false },
      { again: false, resetTrust: false, wait: true, now: false },
    ])
  })

  test('check --json gives the reply as it is', async () => {
    const { stateDir } = await fakeMaster()
    const { stdout, stderr } = await autoup(['check', '--json', '--state-dir', stateDir])
    expect(JSON.parse(stdout)).toEqual(DONE)
    expect(stderr).toBe('')
  })

  test('--timeout ends the waiting with 7, not what was asked for', async () => {
    const { stateDir } = await fakeMaster({ request: () => new Promise(() => {}) })
    const { code, stderr } = await autoup(['upgrade', '--timeout', '50ms', '--state-dir', stateDir])
    expect(code).toBe(7)
    expect(stderr).toMatch(/no verdict on this upgrade of 'app' in 50ms; it goes on/)
  })

  test('a bad --timeout is told before anything is asked', async () => {
    const { stateDir, asked } = await fakeMaster()
    for (const timeout of ['5', '25d']) {
      const { code, stderr } = await autoup(['upgrade', '--timeout', timeout, '--state-dir', stateDir])
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: expect.stringMatching(`^autoup: --timeout: '${timeout}' is`),
      })
    }
    expect(asked).toEqual([])
  })
})

describe('stop', () => {
  test('ends when the process is gone, not when it is asked', async () => {
    const { spawn } = await import('node:child_process')
    const child = spawn('sleep', ['100'])
    onEnd(() => child.kill('SIGKILL'))
    const pid = child.pid as number
    const { stateDir } = await fakeMaster({
      status: () => ({ ...STATUS, pid }),
      request: async (_verb, options) => {
        expect(options.now).toBe(true)
        setImmediate(() => child.kill('SIGKILL'))
        return { outcome: 'accepted', message: 'stopping', version: null, exit: 0 }
      },
    })
    expect(await autoup(['stop', '--now', '--state-dir', stateDir])).toEqual({
      code: 0,
      stdout: '',
      stderr: 'app: stopped\n',
    })
    expect(child.killed && existsSync(`/proc/${pid}/exe`)).toBe(false)
  })

  test('a master that does not end in time is 7', async () => {
    const { stateDir } = await fakeMaster({ status: () => ({ ...STATUS, pid: process.pid }) })
    const { code, stderr } = await autoup(['stop', '--timeout', '50ms', '--state-dir', stateDir])
    expect(code).toBe(7)
    expect(stderr).toContain(`pid ${process.pid}`)
  })
})

describe('releases and events', () => {
  test('releases is a table, or JSON', async () => {
    const { stateDir } = await fakeMaster()
    const table = await autoup(['releases', '--state-dir', stateDir])
    expect(table.stdout).toMatch(/VERSION +BUILD +STATE/)
    expect(table.stdout).toMatch(/1\.4\.2 +3f3f3f3f3f3f +current +12\.3 MB/)
    const json = await autoup(['releases', '--json', '--state-dir', stateDir])
    expect(JSON.parse(json.stdout)).toEqual([ROW])
  })

  test('events are lines, or JSON lines, after --since', async () => {
    const master = await fakeMaster()
    master.kept.push(event(1), event(2))
    const lines = await autoup(['events', '--state-dir', master.stateDir])
    expect(lines.stdout).toMatch(/event 1\n.*event 2\n$/)
    const json = await autoup(['events', '--json', '--since', '1', '--state-dir', master.stateDir])
    expect(
      json.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([event(2)])
  })

  test('events --follow goes on until the master ends', async () => {
    const master = await fakeMaster()
    const following = autoup(['events', '--follow', '--state-dir', master.stateDir])
    await expect.poll(() => master.readers.size).toBe(1)
    master.emit(event(7, 'seen'))
    await master.server.close()
    expect(await following).toMatchObject({ code: 0, stdout: expect.stringContaining('seen') })
  })
})

describe('stage with a source', () => {
  test('asks the master that follows it', async () => {
    const { stateDir, asked } = await fakeMaster()
    const words = ['stage', '--fetch', 'github:org/app', '--state-dir', stateDir]
    expect(await autoup(words)).toMatchObject({ code: 0, stderr: 'app: 1.5.0 is committed\n' })
    expect(asked).toMatchObject([{ verb: 'stage' }])
  })

  test('does not touch a service that follows another one', async () => {
    const { stateDir, asked } = await fakeMaster()
    const words = ['stage', 'app', '--fetch', 'github:other/thing', '--state-dir', stateDir]
    const { code, stderr } = await autoup(words)
    expect(code).toBe(2)
    expect(stderr).toMatch(/follows github:org\/app, not github:other\/thing/)
    expect(asked).toEqual([])
  })
})

describe('help and mistakes', () => {
  test.each([[[]], [['--help']], [['-h']], [['help']], [['--help', 'run']]])(
    '%j shows every command on stdout',
    async (words: string[]) => {
      const { code, stdout, stderr } = await autoup(words)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      for (const name of ['run', 'status', 'stage', 'upgrade', 'rollback', 'pause', 'events']) {
        expect(stdout).toMatch(new RegExp(`^  ${name} +\\S`, 'm'))
      }
    },
  )

  test.each(Object.keys(COMMANDS))(
    '%s --help fits 80 columns, with every default and variable, and examples',
    async (name) => {
      const terminal = memory(true)
      const { code } = await autoup([name, '--help'], { stdout: terminal, env: { NO_COLOR: '1' } })
      expect(code).toBe(0)
      const help = terminal.text()
      const words = help.replace(/\s+/g, ' ')
      const { options, examples, takes } = (await loadCommand(name)) as CommandSpec
      for (const option of options) {
        const usual = option.default === undefined ? '' : ` (default: ${option.default})`
        const variable = option.hasVariable ? ` [${environmentName(option)}]` : ''
        expect(words).toContain(`${option.help}${usual}${variable}`)
      }
      if (takes !== 'nothing') expect(examples.length).toBeGreaterThanOrEqual(2)
      for (const [line, what] of examples) expect(words).toContain(`${line} ${what}`.replace(/\s+/g, ' '))
      const shown = new Set(examples.map(([line]) => `  ${line}`))
      expect(help.split('\n').filter((line) => line.length > 80 && !shown.has(line))).toEqual([])
    },
  )

  test('run --help says of each option by what name it stands in the environment', async () => {
    const { stdout } = await autoup(['run', '--help'])
    expect(stdout).toMatch(/--ready-timeout DURATION .*\(default: 30s\)\s+\[AUTOUP_READY_TIMEOUT\]/)
    expect(stdout.match(/\[AUTOUP_[A-Z0-9_]+\]/g)).toHaveLength(RUN_OPTIONS.length)
    expect((await autoup(['verify', '--help'])).stdout).not.toContain('[AUTOUP_')
  })

  test('help is coloured on a terminal, and not with NO_COLOR', async () => {
    const stdout = memory(true)
    await autoup(['--help'], { stdout })
    expect(stdout.text()).toContain('\u001b[1m')
    const plain = memory(true)
    await autoup(['--help'], { stdout: plain, env: { NO_COLOR: '1' } })
    expect(plain.text()).not.toContain('\u001b')
  })

  test('--version says which', async () => {
    expect((await autoup(['--version'])).stdout).toMatch(/^autoup \d+\.\d+\.\d+/)
  })

  test.each([
    [['statsu'], /did you mean status/],
    [['help', 'statsu'], /did you mean status/],
    [['list'], /unknown command 'list': here it is status$/m],
    [['-v'], /unknown option '-v': here it is --version$/m],
    [['start', '--port', '8080'], /unknown option '--port': here it is --listen$/m],
    [['status', '--port', '8080'], /unknown option '--port': see autoup status --help/],
    [['dev'], /there is no command: say what to run, as in `autoup dev --listen 3000 -- node server.js`/],
    [['frobnicate'], /unknown command 'frobnicate': see autoup --help/],
    [['--frobnicate'], /unknown option '--frobnicate': see autoup --help/],
    [['status', '-x'], /unknown option '-x': see autoup status --help/],
    [['run', '--fetc', 'x'], /did you mean --fetch/],
    [['run', '--fetch'], /--fetch needs a value: write --fetch SPEC/],
    [['run'], /--fetch github:owner\/repo/],
    [
      ['run', '--listen', '8080', 'node', 'x.js', '-p', '3'],
      /put -- before the command: autoup run --listen 8080 -- node/,
    ],
    [['status', 'a', 'b'], /too many words/],
    [['status', '../x'], /cannot be the name/],
    [['events', '--since', 'yesterday'], /--since/],
    [['run', '--metrics', 'x', '--', 'true'], /--metrics: 'x' is not an address for the page/],
    [['run', '--metrics', '8080', '--listen', '8080', '--', 'true'], /--metrics: the port 8080 is the service's own/],
  ])('%j is one sentence and 2', async (words, message) => {
    const { code, stdout, stderr } = await autoup(words)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
    expect(stderr).toMatch(/^autoup: [^\n]+\n$/)
  })

  test('run elsewhere than on Linux says so and exits 1', async () => {
    const { code, stderr } = await autoup(['run', '--', 'true'], { platform: 'darwin' })
    expect(code).toBe(1)
    expect(stderr).toMatch(/needs Linux.*darwin/)
  })

  test('a bug is a stack and 1', async () => {
    const { stateDir } = await fakeMaster({ status: () => ({ ...STATUS, workers: null as never }) })
    const { code, stderr } = await autoup(['status', '--state-dir', stateDir])
    expect(code).toBe(1)
    expect(stderr).toMatch(/bug in autoup[\s\S]*\n\s+at /)
  })
})
