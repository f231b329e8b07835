import { lstat, mkdir, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Build } from '../../src/core/build.ts'
import { EMPTY_LEDGER, type Ledger } from '../../src/core/ledger.ts'
import { readBuild } from '../../src/store/build-file.ts'
import type { StorePaths } from '../../src/store/layout.ts'
import { loadLedger, missingBuilds, repairLinks, saveLedger } from '../../src/store/ledger-file.ts'
import { elf, script } from '../support/builds.ts'
import { stageBuild, temporaryFolder, temporaryStore } from '../support/stores.ts'

let store: StorePaths

beforeEach(async () => {
  store = await temporaryStore()
})

async function stageElf(): Promise<Build> {
  const path = join(await temporaryFolder(), 'app')
  elf()(path)
  return stageBuild(store, path)
}

async function stageScript(text: string): Promise<Build> {
  const path = join(await temporaryFolder(), 'app')
  script(`#!/bin/sh\n${text}\n`)(path)
  return stageBuild(store, path)
}

const build: Build = {
  id: `sha256-${'1'.repeat(64)}`,
  version: '1.0.0',
  stagedAt: 'x',
  committedAt: 'y',
  proofs: ['sha256'],
}

const full: Ledger = {
  ...EMPTY_LEDGER,
  committed: build,
  previous: { id: 'command', version: '', stagedAt: '', committedAt: null, proofs: [] },
  candidate: { build, attemptsLeft: 2 },
  floor: '1.0.0',
  quarantine: [{ build: build.id, version: '1', reason: 'died', at: 'z', rule: 'behaviour', launch: '[]' }],
  known: { source: 'file:x', look: '', value: { deep: [1, null] }, build: null, refusal: null },
  listeners: [{ address: '*:80', inode: 12 }],
  paused: true,
}

test('no file is the empty ledger', async () => {
  expect(await loadLedger(store)).toEqual({ ledger: EMPTY_LEDGER, recovered: null })
})

test('what was saved is loaded, and private', async () => {
  saveLedger(store, full)
  expect(await loadLedger(store)).toEqual({ ledger: full, recovered: null })
  expect((await stat(store.state)).mode & 0o777).toBe(0o600)
})

test('a check that remembered nothing does not damage the ledger', async () => {
  saveLedger(store, {
    ...EMPTY_LEDGER,
    known: { source: 'x', look: '', value: undefined, build: null, refusal: null },
  })
  expect((await loadLedger(store)).recovered).toBeNull()
})

test('a ledger that cannot be written says what to do, and the old one stays', async () => {
  saveLedger(store, full)
  const broken = { ...store, state: join(store.root, 'no', 'such', 'state.json') }
  expect(() => saveLedger(broken, EMPTY_LEDGER)).toThrow(expect.objectContaining({ code: 'failed' }))
  expect((await loadLedger(store)).ledger).toEqual(full)
})

test('a newer ledger is not touched', async () => {
  await writeFile(store.state, '{"format": 2, "whatever": true}')
  await expect(loadLedger(store)).rejects.toThrow(/newer autoup \(format 2\): run that one, or move/)
  expect(await readFile(store.state, 'utf8')).toContain('whatever')
})

test('a ledger that cannot be read stops the start, and is not taken for damaged', async () => {
  await mkdir(store.state)
  await expect(loadLedger(store)).rejects.toThrow(/cannot read/)
  expect((await lstat(store.state)).isDirectory()).toBe(true)
})

describe.each([
  '',
  '{"format": 1',
  'null',
  '[]',
  '{"format":1}',
  '\0\0\0\0',
  JSON.stringify({ ...full, committed: { id: '../../x' } }),
])('a damaged ledger %j', (text) => {
  test('is kept aside, and nothing is committed without a link', async () => {
    await stageElf()
    await writeFile(store.state, text)
    const { ledger, recovered } = await loadLedger(store)
    expect(ledger).toEqual(EMPTY_LEDGER)
    expect(recovered).toMatch(/was damaged and is kept as state\.json\.damaged-.*nothing is committed/)
    const kept = (await readdir(store.root)).find((name) => name.startsWith('state.json.damaged-'))
    expect(await readFile(join(store.root, kept!), 'utf8')).toBe(text)
  })
})

test('a damaged ledger is recovered from the links that point at whole builds', async () => {
  const [one, two] = [await stageElf(), await stageScript('exit 0')]
  saveLedger(store, { ...EMPTY_LEDGER, committed: two, previous: one })
  repairLinks(store, { ...EMPTY_LEDGER, committed: two, previous: one })
  await writeFile(store.state, 'garbage')
  const { ledger, recovered } = await loadLedger(store)
  expect(ledger.committed).toEqual({ ...two, committedAt: (await lstat(store.current)).mtime.toISOString() })
  expect(ledger.previous?.id).toBe(one.id)
  expect(ledger.floor).toBeNull()
  expect(recovered).toContain('is committed, as the build folders prove')
})

test('a link to something that is no build proves nothing', async () => {
  await mkdir(join(store.builds, 'rubbish'))
  await symlink('builds/rubbish', store.current)
  await writeFile(store.state, 'garbage')
  expect((await loadLedger(store)).ledger.committed).toBeNull()
})

test('links follow the ledger', async () => {
  const [one, two] = [await stageElf(), await stageScript('exit 0')]
  await symlink('builds/elsewhere', store.previous)
  repairLinks(store, { ...EMPTY_LEDGER, committed: one, previous: two })
  expect(missingBuilds(store, { ...EMPTY_LEDGER, committed: one, previous: two })).toEqual([])
  expect(await readlink(store.current)).toBe(`builds/${one.id}`)
  expect(await readlink(store.previous)).toBe(`builds/${two.id}`)
  repairLinks(store, { ...EMPTY_LEDGER, committed: two })
  expect(await readlink(store.current)).toBe(`builds/${two.id}`)
  await expect(lstat(store.previous)).rejects.toThrow('ENOENT')
})

test('a bare command has no link', async () => {
  repairLinks(store, { ...EMPTY_LEDGER, committed: { ...build, id: 'command' } })
  await expect(lstat(store.current)).rejects.toThrow('ENOENT')
})

test('a committed build that is not on disk is reported', async () => {
  const one = await stageElf()
  await rm(join(store.builds, one.id), { recursive: true })
  expect(readBuild(store, one.id)).toBeNull()
  expect(missingBuilds(store, { ...EMPTY_LEDGER, committed: one, previous: one })).toEqual([one.id])
})
