import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { chmod, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { heldReason } from '../../../src/runtime/stager/stage-gate.ts'
import type { StageJob, StageProgress, StageVerdict } from '../../../src/runtime/stager/stage-protocol.ts'
import { readBuildFile, treeFolder } from '../../../src/store/build-file.ts'
import type { StorePaths } from '../../../src/store/layout.ts'
import { finishStaging } from '../../../src/store/seal.ts'
import { removeTree } from '../../../src/system/tree.ts'
import { archive, badBytes, directory, elf, publish, script } from '../../support/builds.ts'
import { jobFor, runJob, stageBuild, temporaryFolder, temporaryStore } from '../../support/stores.ts'
import { tar } from '../../support/tar.ts'
import { until } from '../../support/until.ts'
import { bytesOf } from '../../support/victim.ts'
import { zip } from '../../support/zip.ts'

let store: StorePaths
let folder: string
let path: string

beforeEach(async () => {
  store = await temporaryStore()
  folder = await temporaryFolder()
  path = join(folder, 'app')
})

/** Again while the file is too fresh. */
async function run(more: Partial<StageJob> = {}, seen: StageProgress[] = []): Promise<StageVerdict> {
  return until('it is still', async () => {
    seen.length = 0
    const verdict = await runJob(jobFor(store, `file:${path}`, more), (progress) => seen.push(progress))
    return verdict.type === 'incomplete' ? null : verdict
  })
}

type Staged = Extract<StageVerdict, { type: 'staged' }>

async function staged(more: Partial<StageJob> = {}): Promise<Staged> {
  const verdict = await run(more)
  if (verdict.type !== 'staged') throw new Error(JSON.stringify(verdict))
  return verdict
}

describe('what another launch has fetched', () => {
  test('is staged as it lies in the store, and fetched anew only where it is gone', async () => {
    archive(elf())(path)
    const { known, ...first } = await staged()
    const { id } = await finishStaging(store, first.directory!)
    expect(await run({ known })).toEqual({ type: 'unchanged', known })
    const progress: StageProgress[] = []
    expect(await run({ known, here: id }, progress)).toMatchObject({ type: 'staged', directory: null, build: { id } })
    expect(progress.map(({ type }) => type)).not.toContain('found')
    await removeTree(join(store.builds, id))
    const again = await staged({ known, here: id })
    expect(again).toMatchObject({ directory: expect.any(String), build: { id } })
  })

  test('is not staged when it is held back all the same', async () => {
    archive(elf())(path)
    const { known, ...first } = await staged()
    const { id } = await finishStaging(store, first.directory!)
    const quarantined = [{ build: id, reason: 'bad', rule: 'bytes' }] as const
    expect(await run({ known, here: id, quarantined })).toMatchObject({ type: 'held', reason: 'bad' })
  })
})

describe('a release', () => {
  test.each([
    ['a single file', elf(), 'app'],
    ['a script', script('#!/bin/sh\n'), 'app'],
    ['an archive', archive(elf(), { 'README.md': 'hello' }), 'bin/app'],
    ['a directory', directory(elf(), { 'README.md': 'hello' }), 'bin/app'],
  ])('that is %s is staged, sealed and knows its entry', async (_, artifact, entry) => {
    artifact(path)
    const verdict = await staged()
    const build = await finishStaging(store, verdict.directory!)
    expect(build).toEqual({ ...verdict.build, committedAt: null })
    expect(readBuildFile(store, build.id)).toMatchObject({
      executables: [entry],
      source: `file:${path}`,
      artifact: 'app',
      proofs: ['local-file'],
    })
    expect((await stat(join(treeFolder(store, build.id), entry))).mode & 0o777).toBe(0o555)
  })

  test('that brings what it depends on, and what a tool has left, knows its own entry among all of it', async () => {
    directory(elf())(path)
    for (const name of ['node_modules/.bin/x', 'sub/node_modules/x/x', '.git/hooks/x']) {
      mkdirSync(dirname(join(path, name)), { recursive: true })
      elf()(join(path, name))
    }
    const build = await finishStaging(store, (await staged()).directory!)
    expect(readBuildFile(store, build.id)?.executables).toEqual(['bin/app'])
  })

  test('that is a script under another program can be started by itself later, since it is not unpacked twice', async () => {
    script('#!/bin/sh\n', 0o644)(path)
    const build = await finishStaging(store, (await staged({ command: 'sh' })).directory!)
    await chmod(path, 0o755)
    expect(await staged()).toMatchObject({ directory: null, build: { id: build.id } })
    expect(readBuildFile(store, build.id)?.executables).toEqual(['app'])
    expect((await stat(join(treeFolder(store, build.id), 'app'))).mode & 0o777).toBe(0o555)
  })

  test.each([
    ['app.gz', () => gzipSync('#!/bin/sh\n'), 'app'],
    ['app.zip', () => zip([{ path: 'x/bin/app', data: '#!/bin/sh\n', mode: 0o755 }]), 'bin/app'],
  ])('that is %s is unpacked, and its program found', async (name, bytes, entry) => {
    path = join(folder, name)
    await writeFile(path, bytes(), { mode: 0o644 })
    const build = await finishStaging(store, (await staged()).directory!)
    expect(readBuildFile(store, build.id)?.executables).toEqual([entry])
    expect(readFileSync(join(treeFolder(store, build.id), entry), 'utf8')).toBe('#!/bin/sh\n')
    expect(readdirSync(store.tmp)).toEqual([])
  })

  test('is reported step by step', async () => {
    elf()(path)
    const seen: StageProgress[] = []
    await run({}, seen)
    expect(seen.map(({ type }) => type).filter((type) => type !== 'progress')).toEqual([
      'checking',
      'found',
      'vouched',
      'verifying',
    ])
  })

  test('that is known is unchanged; asked for again it is looked at anew', async () => {
    elf()(path)
    const { known } = await staged()
    expect(await run({ known })).toMatchObject({ type: 'unchanged', known })
    expect(await run({ known, again: true })).toMatchObject({ type: 'staged' })
  })

  test('that is in the store already is not copied again', async () => {
    elf()(path)
    const { id } = await stageBuild(store, path)
    const verdict = await staged()
    expect(verdict).toMatchObject({ directory: null, build: { id } })
    expect(readdirSync(store.tmp)).toEqual([])
  })

  test('whose build in the store is damaged is staged again', async () => {
    elf()(path)
    const { id } = await stageBuild(store, path)
    await rm(join(treeFolder(store, id), 'app'))
    const { directory: place } = await staged()
    expect(place).not.toBeNull()
    await finishStaging(store, place!)
    expect((await stat(join(treeFolder(store, id), 'app'))).size).toBeGreaterThan(0)
  })

  test('with links inside has them in its build', async () => {
    directory(elf())(path)
    await symlink('bin/app', join(path, 'run'))
    const build = await finishStaging(store, (await staged()).directory!)
    expect(readFileSync(join(treeFolder(store, build.id), 'run'))).toEqual(readFileSync('/bin/true'))
  })
})

test('a directory with a link that leads out is refused as it lies there: it has no digest that could be held against it', async () => {
  directory(elf())(path)
  await symlink('../../etc/passwd', join(path, 'passwd'))
  expect(await run()).toMatchObject({
    type: 'refused',
    id: null,
    reason: expect.stringContaining("the link 'passwd'"),
  })
})

describe('bytes that are bad are refused for good', () => {
  test.each(Object.entries(badBytes))('%s', async (_, artifact) => {
    artifact(path)
    expect(await run()).toMatchObject({ type: 'refused', id: expect.stringMatching(/^sha256-[0-9a-f]{64}$/) })
  })

  test('an archive with a program for elsewhere', async () => {
    archive(badBytes['an ELF for another machine']!)(path)
    expect(await run()).toMatchObject({ type: 'refused', reason: expect.stringMatching(/^'bin\/app' is for /) })
  })

  test('an archive of a format that is not understood', async () => {
    path = join(folder, 'app.7z')
    await writeFile(path, '7z')
    // Under another name the bytes may be fine.
    expect(await run()).toMatchObject({ type: 'refused', id: null, reason: 'app.7z is not understood: 7-zip' })
  })

  test('a zip that tells two stories', async () => {
    path = join(folder, 'app.zip')
    await writeFile(path, zip([{ path: 'app', data: '#!/bin/sh\n', mode: 0o755, local: { name: 'other' } }]))
    expect(await run()).toMatchObject({ type: 'refused', id: expect.stringMatching(/^sha256-/) })
  })

  test('a digest that is not the one asked for, until that is corrected', async () => {
    elf()(path)
    const sha256 = '0'.repeat(64)
    const verdict = await run({ sha256 })
    expect(verdict).toMatchObject({
      type: 'refused',
      reason: expect.stringMatching(
        /^app has the sha256 [0-9a-f]{64}, and --sha256 says 0{64}: .* give --sha256 its digest$/,
      ),
    })
    // The pin may be what is wrong: it holds no build back.
    expect(verdict).toMatchObject({ id: null })
    const right = createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
    expect(await run({ sha256: right })).toMatchObject({ type: 'staged', build: { proofs: ['sha256', 'local-file'] } })
  })
})

describe('what is no verdict on the bytes', () => {
  test('a program for elsewhere that another command would not start', async () => {
    path = join(folder, 'app.tar')
    const foreign = bytesOf(badBytes['an ELF for another machine']!)
    const own = readFileSync('/bin/true')
    const mode = 0o755
    await writeFile(path, tar({ path: 'app', data: foreign, mode }, { path: 'app-here', data: own, mode }))
    const reason = expect.stringMatching(/^'app' is for /)
    expect(await run()).toMatchObject({ type: 'refused', id: null, reason })
    expect(await run({ command: 'app-here' })).toMatchObject({ type: 'staged' })
  })

  test('a file without its execute bit is refused as it is, and taken when it has it', async () => {
    script('#!/bin/sh\n', 0o644)(path)
    const refused = await run()
    expect(refused).toMatchObject({ type: 'refused', id: null, reason: expect.stringContaining('chmod +x') })
    await chmod(path, 0o755)
    const { known } = refused as Extract<StageVerdict, { type: 'refused' }>
    expect(await run({ known })).toMatchObject({ type: 'staged' })
  })

  test('a file that a command from elsewhere reads needs no execute bit and is no program', async () => {
    path = join(folder, 'app.jar')
    script('PK\u0003\u0004 not checked', 0o644)(path)
    const { build, directory: place } = await staged({ command: 'java' })
    await finishStaging(store, place!)
    expect((await stat(join(treeFolder(store, build.id), 'app.jar'))).mode & 0o777).toBe(0o444)
  })

  test('a name that no file could have, of bytes that could', async () => {
    path = join(folder, '.gz')
    publish(path, (to) => writeFileSync(to, gzipSync('#!/bin/sh\n')))
    const reason = '.gz has no name that a file could have: publish it under another'
    expect(await run()).toMatchObject({ type: 'refused', id: null, reason })
  })

  test('the command of the operator is what must be a program', async () => {
    const text = script('hello')
    directory(elf(), {})(path)
    text(join(path, 'serve'))
    expect(await run({ command: 'app' })).toMatchObject({ type: 'staged' })
    expect(await run({ command: './serve' })).toMatchObject({
      type: 'refused',
      reason: "'serve' is text without a #! line",
    })
  })

  test('a file that is not there is an error', async () => {
    expect(await run()).toMatchObject({ type: 'error', message: expect.stringContaining(path) })
  })

  test('an archive that needs a program which is not here is an error, before it is copied', async () => {
    path = join(folder, 'app.tar.xz')
    await writeFile(path, 'x')
    const { PATH } = process.env
    process.env.PATH = folder
    onTestFinished(() => {
      process.env.PATH = PATH
    })
    const seen: StageProgress[] = []
    expect(await run({}, seen)).toMatchObject({
      type: 'error',
      message: expect.stringContaining('the package xz-utils'),
    })
    expect(seen.map(({ type }) => type)).not.toContain('verifying')
  })

  test('a source that nobody knows is an error', async () => {
    const verdict = await runJob(jobFor(store, 'ftp://x'))
    expect(verdict).toMatchObject({ type: 'error', message: expect.stringContaining('file:PATH') })
  })

  test('a file over the limit is an error that says so', async () => {
    elf()(path)
    expect(await run({ maxBytes: 100 })).toMatchObject({
      type: 'error',
      message: expect.stringContaining('at most 100 B'),
    })
  })

  test('a disk that has no room is an error, found before the copy', async () => {
    elf()(path)
    await rm(store.tmp, { recursive: true })
    // Without blocks, so nothing is free there.
    await symlink('/proc', store.tmp)
    expect(await run()).toMatchObject({ type: 'error', message: expect.stringMatching(/0 B left .* free some space/) })
  })

  test('a tmp that is gone is an error', async () => {
    elf()(path)
    await rm(store.tmp, { recursive: true })
    expect(await run()).toMatchObject({ type: 'error' })
  })
})

describe('the gate', () => {
  const id = `sha256-${'1'.repeat(64)}`

  test('holds what is in quarantine, with the reason, without reading it', async () => {
    elf()(path)
    const { build } = await staged()
    const quarantined = [{ build: build.id, reason: 'died', rule: 'behaviour' as const }]
    const seen: StageProgress[] = []
    expect(await run({ quarantined }, seen)).toMatchObject({ type: 'held', id: build.id, reason: 'died' })
    expect(seen.map(({ type }) => type)).not.toContain('verifying')
    expect(await run({ quarantined, again: true })).toMatchObject({ type: 'staged' })
  })

  test('holds a behaviour even where the digest is asked for', () => {
    const quarantined = [{ build: id, reason: 'died', rule: 'behaviour' as const }]
    expect(heldReason(jobFor(store, 'x', { quarantined, sha256: '1'.repeat(64) }), id)).toBe('died')
  })
})

test('a file that is published while it is staged is taken whole or not at all', async () => {
  // Renamed into place again and again: what is staged is always one of the two, never a mixture.
  const versions = [script(`#!/bin/sh\n# ${'a'.repeat(1e6)}\n`), script(`#!/bin/sh\n# ${'b'.repeat(1e6)}\n`)]
  publish(path, versions[0]!)
  let turn = 0
  for (let round = 0; round < 4; round++) {
    const running = runJob(jobFor(store, `file:${path}`))
    publish(path, versions[++turn % 2]!)
    const verdict = await running
    expect(['staged', 'incomplete', 'error']).toContain(verdict.type)
    if (verdict.type !== 'staged' || verdict.directory === null) continue
    const text = await readFile(join(verdict.directory, 'tree/app'), 'utf8')
    expect(new Set(text.slice(13).trim()).size).toBe(1)
  }
})
