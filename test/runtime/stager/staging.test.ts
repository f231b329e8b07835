/** Real stagers: the built program, as a child of this process. */

import { execFileSync, spawn } from 'node:child_process'
import { lstatSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { parseManifest } from '../../../src/core/manifest.ts'
import {
  parseReport,
  type StageJob,
  type StageProgress,
  type StageVerdict,
} from '../../../src/runtime/stager/stage-protocol.ts'
import { type Staging, stage } from '../../../src/runtime/stager/staging.ts'
import { buildFolder, readBuild, treeFolder } from '../../../src/store/build-file.ts'
import type { StorePaths } from '../../../src/store/layout.ts'
import { finishStaging } from '../../../src/store/seal.ts'
import { seenOf } from '../../../src/system/tree.ts'
import { type Artifact, directory, elf, script } from '../../support/builds.ts'
import { isAlive, kill, readProcess } from '../../support/processes.ts'
import { findProgram, needs } from '../../support/requirements.ts'
import { jobFor, temporaryFolder, temporaryStore } from '../../support/stores.ts'
import { pack, tar } from '../../support/tar.ts'
import { until } from '../../support/until.ts'
import { zip } from '../../support/zip.ts'

let store: StorePaths
let folder: string
let path: string

beforeEach(async () => {
  store = await temporaryStore()
  folder = await temporaryFolder()
  path = join(folder, 'app')
})

interface Run {
  readonly staging: Staging
  readonly progress: StageProgress[]
  readonly verdicts: StageVerdict[]
}

function start(
  more: Partial<StageJob> = {},
  options: Parameters<typeof stage>[2] = {},
  onProgress: (progress: StageProgress) => void = () => undefined,
): Run {
  const progress: StageProgress[] = []
  const verdicts: StageVerdict[] = []
  const staging = stage(
    jobFor(store, `file:${path}`, more),
    {
      onProgress(each) {
        progress.push(each)
        onProgress(each)
      },
      onVerdict: (verdict) => void verdicts.push(verdict),
    },
    options,
  )
  onTestFinished(async () => {
    staging.stop()
    await staging.done
  })
  return { staging, progress, verdicts }
}

/** A stager that behaves as told: `say` writes to the master. */
async function fake(body: string): Promise<string> {
  const program = join(folder, 'fake.mjs')
  await writeFile(
    program,
    `import { Socket } from 'node:net'
const wire = new Socket({ fd: 3 })
const say = (text) => wire.write(text)
wire.once('data', () => { ${body} })
wire.on('end', () => process.exit(0))
`,
  )
  return program
}

/** Big enough that copying it takes a while, and nothing on the disk where it lies. */
async function bigFile(): Promise<void> {
  script('#!/bin/sh\nexit 0\n')(path)
  await truncate(path, 256 << 20)
}

describe('a stager', () => {
  test('stages a file that the master then seals', async () => {
    elf()(path)
    const { verdicts } = await until('it is still', async () => {
      const run = start()
      await run.staging.done
      return run.verdicts[0]?.type === 'incomplete' ? null : run
    })
    expect(verdicts).toEqual([expect.objectContaining({ type: 'staged' })])
    const { directory } = verdicts[0] as { directory: string }
    const build = await finishStaging(store, directory)
    expect(readBuild(store, build.id)).toEqual(build)
    expect(readdirSync(store.tmp)).toEqual([])
  })

  test.each<[string, Artifact]>([
    ['app', directory(elf(), { README: 'hello' })],
    ['app.gz', (to) => writeFileSync(to, gzipSync('#!/bin/sh\n'))],
    ['app.zip', (to) => writeFileSync(to, zip([{ path: 'app', data: '#!/bin/sh\n', mode: 0o755 }]))],
    ['app.tar', (to) => writeFileSync(to, tar({ path: 'app', data: '#!/bin/sh\n', mode: 0o755 }))],
    ...(['xz', 'zstd', 'bzip2'] as const)
      .filter((program) => findProgram(program) !== null)
      .map((program): [string, Artifact] => [
        `app.tar.${{ xz: 'xz', zstd: 'zst', bzip2: 'bz2' }[program]}`,
        (to) => writeFileSync(to, pack(program, tar({ path: 'app', data: '#!/bin/sh\n', mode: 0o755 }))),
      ]),
  ])('stages %s, confined as it is', async (name, artifact) => {
    path = join(folder, name)
    artifact(path)
    if (name === 'app') symlinkSync('bin/app', join(path, 'run'))
    const { verdicts } = await until('it is still', async () => {
      const run = start()
      await run.staging.done
      return run.verdicts[0]?.type === 'incomplete' ? null : run
    })
    expect(verdicts).toEqual([expect.objectContaining({ type: 'staged' })])
    await finishStaging(store, (verdicts[0] as { directory: string }).directory)
    expect(readdirSync(store.tmp)).toEqual([])
  })

  test('leaves nothing of an archive that was refused in its middle', async () => {
    path = join(folder, 'app.tar')
    const entries = Array.from({ length: 50 }, (_, at) => ({ path: `deep/folder/f${at}`, data: 'x'.repeat(5_000) }))
    await writeFile(path, tar(...entries, { path: '../moo', data: 'moo' }))
    const run = start()
    await run.staging.done
    expect(run.verdicts).toEqual([
      expect.objectContaining({ type: 'refused', reason: expect.stringContaining('leads out') }),
    ])
    expect(readdirSync(store.tmp)).toEqual([])
  })

  test('has a session of its own, a low priority, and nothing of the master but what it is given', async () => {
    process.env.GH_TOKEN = 'secret'
    process.env.LISTEN_FDS = '1'
    onTestFinished(() => {
      delete process.env.GH_TOKEN
      delete process.env.LISTEN_FDS
    })
    const run = start({}, { program: await fake('') })
    const pid = run.staging.pid!
    await until('it runs', () => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('fake.mjs'))
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    expect(environment).toContain(`AUTOUP_STATE=${store.root}`)
    expect(environment.some((each) => /TOKEN|LISTEN|secret/.test(each))).toBe(false)
    expect(readProcess(pid)?.session).toBe(pid)
  })

  test('lowers its priority', async () => {
    await bigFile()
    let nice = 0
    const run = start({}, {}, ({ type }) => {
      if (type === 'found')
        nice = Number(readFileSync(`/proc/${run.staging.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[16])
    })
    await run.staging.done
    expect(nice).toBeGreaterThanOrEqual(10)
  })

  test('that is killed in the middle of its work has decided nothing, and leaves nothing behind', async () => {
    await bigFile()
    const run = start({}, {}, ({ type }) => {
      if (type === 'found') kill(run.staging.pid!, 'SIGKILL')
    })
    await run.staging.done
    expect(run.progress.map(({ type }) => type)).toContain('found')
    expect(run.verdicts).toEqual([
      {
        type: 'error',
        message: expect.stringMatching(/^the stager for file:\S+ was killed by SIGKILL before .*; it is tried again$/),
      },
    ])
    expect(readdirSync(store.tmp)).toEqual([])
  })

  test('that is stopped says nothing more, and leaves nothing behind', async () => {
    await bigFile()
    const run = start({}, {}, ({ type }) => {
      if (type === 'found') run.staging.stop()
    })
    await run.staging.done
    expect(run.verdicts).toEqual([])
    expect(run.progress.at(-1)).toMatchObject({ type: 'found' })
    expect(readdirSync(store.tmp)).toEqual([])
    expect(isAlive(run.staging.pid!)).toBe(false)
  })

  test('that takes too long is ended, with all that it has started', async () => {
    const program = await fake(
      `import('node:child_process').then(({ spawn }) => {
        const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
        say(JSON.stringify({ type: 'progress', bytes: child.pid, total: null }) + '\\n')
      })`,
    )
    const run = start({}, { program, deadlineMs: 2_000 })
    await run.staging.done
    expect(run.verdicts).toEqual([
      { type: 'error', message: 'the stager was ended after 2.0 s: the release took too long' },
    ])
    const { bytes: grandchild } = run.progress[0] as { bytes: number }
    await until('its child is gone', () => !isAlive(grandchild))
  })

  needs('root', 'setpriv').test('of a root that may not change users is root, and stages as well', async () => {
    elf()(path)
    const master = join(folder, 'master.mjs')
    const built = fileURLToPath(new URL('../../../dist/src/runtime/stager/staging.js', import.meta.url))
    await writeFile(
      master,
      `import { stage } from ${JSON.stringify(built)}
import { statSync } from 'node:fs'
const job = ${JSON.stringify(jobFor(store, `file:${path}`))}
const onVerdict = (verdict) => console.log(JSON.stringify([verdict.type, verdict.directory && statSync(verdict.directory).uid]))
stage(job, { onProgress() {}, onVerdict })
`,
    )
    const said = await until('it is still', () => {
      const words = ['--bounding-set', '-setuid', process.execPath, master]
      const text = execFileSync('setpriv', words, { encoding: 'utf8' }).trim()
      return text.includes('incomplete') ? null : text
    })
    expect(JSON.parse(said)).toEqual(['staged', 0])
  })

  needs('root').test('makes a build that is its master’s when it is sealed', async () => {
    path = join(folder, 'app')
    directory(elf(), { README: 'hello' })(path)
    const run = await until('it is still', async () => {
      const once = start()
      await once.staging.done
      return once.verdicts[0]?.type === 'incomplete' ? null : once
    })
    const staged = (run.verdicts[0] as { directory: string }).directory
    expect(statSync(staged).uid).toBeGreaterThanOrEqual(65_520)
    const { id } = await finishStaging(store, staged)
    const folders = [buildFolder(store, id), treeFolder(store, id), join(treeFolder(store, id), 'bin')]
    for (const each of folders) {
      for (const name of ['.', ...readdirSync(each)]) expect(statSync(join(each, name)).uid, name).toBe(0)
    }
    // And none of it has to be read again to be known.
    const manifest = parseManifest(readFileSync(join(buildFolder(store, id), 'manifest'), 'utf8'))!
    const files = manifest.filter((entry) => entry.kind === 'file')
    expect(files.length).toBeGreaterThan(1)
    for (const { path: file, seen } of files) {
      expect(seen).toEqual(seenOf(lstatSync(join(treeFolder(store, id), file), { bigint: true })))
    }
  })

  test('ends with its master', async () => {
    await bigFile()
    const master = join(folder, 'master.mjs')
    const built = fileURLToPath(new URL('../../../dist/src/runtime/stager/staging.js', import.meta.url))
    await writeFile(
      master,
      `import { stage } from ${JSON.stringify(built)}
const job = ${JSON.stringify(jobFor(store, `file:${path}`))}
const staging = stage(job, { onProgress: ({ type }) => type === 'found' && console.log(staging.pid), onVerdict() {} })
`,
    )
    const child = spawn(process.execPath, [master], { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    const pid = await new Promise<number>((resolve) => child.stdout.once('data', (text) => resolve(Number(text))))
    child.kill('SIGKILL')
    await until('the stager is gone', () => !isAlive(pid))
    expect(readdirSync(store.builds)).toEqual([])
  })

  test.each([
    ['that ends without a word', 'process.exit(0)', /ended with status 0 before it came to a verdict/],
    ['that fails', 'process.exit(3)', /ended with status 3/],
    ['that talks nonsense', `say('nonsense\\n')`, /no report/],
    ['that goes on and on without an end of line', `say('x'.repeat(1e6))`, /no report/],
    ['that claims a folder which is not its own', `say('{"type":"staged","directory":"/etc"}\\n')`, /no report/],
  ])('%s has decided nothing', async (_, body, why) => {
    const run = start({}, { program: await fake(body) })
    await run.staging.done
    expect(run.verdicts).toEqual([{ type: 'error', message: expect.stringMatching(why) }])
  })

  test('that says two verdicts has said the first', async () => {
    const body = `say('{"type":"incomplete","message":"a"}\\n{"type":"error","message":"b"}\\n'); wire.end()`
    const run = start({}, { program: await fake(body) })
    await run.staging.done
    expect(run.verdicts).toEqual([{ type: 'incomplete', message: 'a' }])
  })

  test('that warns of everything is heard for a while, and then not ended for it', async () => {
    const body = `for (let i = 1; i <= 500; i++) say('{"type":"warning","message":"w' + i + '"}\\n')
      say('{"type":"incomplete","message":"a"}\\n'); wire.end()`
    const run = start({}, { program: await fake(body) })
    await run.staging.done
    const warnings = run.progress.flatMap((each) => (each.type === 'warning' ? [each.message] : []))
    expect(warnings).toHaveLength(21)
    expect(warnings.slice(19)).toEqual(['w20', 'the source warns of more than 20 things: the rest is not shown'])
    expect(run.verdicts).toEqual([{ type: 'incomplete', message: 'a' }])
  })

  test('that reports without end is ended', async () => {
    // No faster than it is read: else it would run out of memory before it is ended.
    const body = `const more = () => wire.write('{"type":"progress","bytes":1,"total":null}\\n'.repeat(1000), more)
      more()`
    const run = start({}, { program: await fake(body) })
    await run.staging.done
    expect(run.verdicts).toEqual([{ type: 'error', message: 'the stager went on and on reporting, and was ended' }])
    expect(run.progress).toHaveLength(10_000)
  })

  test('whose words come in pieces is understood', async () => {
    const body = `say('{"type":"incompl'); setImmediate(() => { say('ete","message":"a"}\\n'); wire.end() })`
    const run = start({}, { program: await fake(body) })
    await run.staging.done
    expect(run.verdicts).toEqual([{ type: 'incomplete', message: 'a' }])
  })
})

describe('a report', () => {
  const id = `sha256-${'a'.repeat(64)}`
  const build = { id, version: '1', proofs: ['x'], stagedAt: 't' }

  test.each<[object, boolean]>([
    [{ type: 'checking' }, true],
    [{ type: 'progress', bytes: 1, total: null }, true],
    [{ type: 'progress', bytes: -1, total: null }, false],
    [{ type: 'progress', bytes: 'x', total: null }, false],
    [{ type: 'found', version: '1', name: 'x' }, true],
    [{ type: 'found', version: 1, name: 'x' }, false],
    [{ type: 'unchanged', known: { a: 1 } }, true],
    [{ type: 'unchanged', known: null, waitMs: 1_000 }, true],
    [{ type: 'budget', key: 'api:x', budget: { calls: null, blockedUntil: null } }, true],
    [{ type: 'budget', key: 'a key', budget: { calls: null, blockedUntil: null } }, false],
    [{ type: 'budget', key: 7, budget: null }, false],
    [{ type: 'error', message: 'x', waitMs: 1_000 }, true],
    [{ type: 'error', message: 'x', waitMs: -1 }, false],
    [{ type: 'incomplete', message: 'x', waitMs: 'long' }, false],
    [{ type: 'refused', id: null, version: '', reason: 'x', known: null }, true],
    [{ type: 'refused', id: '../../x', version: '', reason: 'x', known: null }, false],
    [{ type: 'held', id, version: '1', reason: 'x', known: null }, true],
    [{ type: 'staged', directory: '/mine', build, known: null }, true],
    [{ type: 'staged', directory: null, build, known: null }, true],
    [{ type: 'staged', directory: '/other', build, known: null }, false],
    [{ type: 'staged', directory: '/mine', build: { ...build, id: 'x' }, known: null }, false],
    [{ type: 'staged', directory: '/mine', build: null, known: null }, false],
    [{ type: 'whatever' }, false],
    [[], false],
  ])('%j is taken: %s', (value, isTaken) => {
    const report = parseReport(JSON.stringify(value), '/mine')
    if (isTaken) expect(report).toEqual(value)
    else expect(report).toBeNull()
  })

  test('reaches nobody with control characters, or at any length', () => {
    const message = `a\u001b[31m\nb\u202ec\u2066d${'x'.repeat(5_000)}`
    const report = parseReport(JSON.stringify({ type: 'error', message }), '/mine')
    expect(report).toEqual({ type: 'error', message: expect.stringMatching(/^a \[31m b c dx{987}…$/) })
    expect(parseReport('x'.repeat(300_000), '/mine')).toBeNull()
  })

  test('is none when what it would have remembered is nested without end', () => {
    const said = (levels: number) =>
      parseReport(`{"type":"unchanged","known":${'['.repeat(levels)}${']'.repeat(levels)}}`, '/mine')
    expect(said(32)).toMatchObject({ type: 'unchanged' })
    expect(said(33)).toBeNull()
    expect(said(100_000)).toBeNull()
  })
})
