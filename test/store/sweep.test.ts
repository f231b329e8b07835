import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import type { Build } from '../../src/core/build.ts'
import { treeFolder } from '../../src/store/build-file.ts'
import type { StorePaths } from '../../src/store/layout.ts'
import { sweepBuilds, sweepTmp } from '../../src/store/sweep.ts'
import { directory, script } from '../support/builds.ts'
import { stageBuild, temporaryFolder, temporaryStore } from '../support/stores.ts'

let store: StorePaths
let builds: Build[]

beforeEach(async () => {
  store = await temporaryStore()
  builds = []
  const folder = await temporaryFolder()
  for (const version of [1, 2, 3, 4, 5]) {
    const path = join(folder, `v${version}`)
    directory(script('#!/bin/sh\nexit 0\n'), { version: String(version) })(path)
    builds.push(await stageBuild(store, path))
  }
}, 30_000)

const idOf = (version: number) => builds[version - 1]!.id

const NONE: ReadonlySet<string> = new Set()

test('the oldest builds go first, and as many as asked for stay besides the protected ones', async () => {
  const swept = await sweepBuilds(store, { keep: 2, protect: new Set([idOf(1)]), inUse: NONE })
  expect(swept).toEqual([idOf(2), idOf(3)])
  expect((await readdir(store.builds)).sort()).toEqual([idOf(1), idOf(4), idOf(5)].sort())
  expect(await readdir(store.tmp)).toEqual([])
})

test('a build that a living process uses stays', async () => {
  const swept = await sweepBuilds(store, { keep: 0, protect: new Set([idOf(5)]), inUse: new Set([idOf(2)]) })
  expect(swept).toEqual([idOf(1), idOf(3), idOf(4)])
})

test('nothing goes while there are no more than are kept', async () => {
  expect(await sweepBuilds(store, { keep: 5, protect: NONE, inUse: NONE })).toEqual([])
})

test('a build that somebody has written into is moved aside, not deleted', async () => {
  await writeFile(join(treeFolder(store, idOf(1)), 'customers.db'), 'precious')
  expect(await sweepBuilds(store, { keep: 4, protect: NONE, inUse: NONE })).toEqual([idOf(1)])
  const [aside] = await readdir(store.aside)
  expect(aside).toContain(idOf(1))
  expect((await stat(join(store.aside, aside!, 'tree/customers.db'))).size).toBe(8)
})

test('what is no build is left alone', async () => {
  await mkdir(join(store.builds, 'mine'))
  await sweepBuilds(store, { keep: 0, protect: NONE, inUse: NONE })
  expect(await readdir(store.builds)).toEqual(['mine'])
})

test('tmp is emptied, read-only folders too', async () => {
  const folder = join(store.tmp, 'stage-x/tree/deep')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'file'), '')
  await chmod(folder, 0o555)
  await chmod(join(store.tmp, 'stage-x/tree'), 0o555)
  await sweepTmp(store)
  expect(await readdir(store.tmp)).toEqual([])
})
