import { execFileSync } from 'node:child_process'
import { chmod, copyFile, lutimes, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Build } from '../../src/core/build.ts'
import { treeFolder } from '../../src/store/build-file.ts'
import type { StorePaths } from '../../src/store/layout.ts'
import { sweepBuilds, sweepTmp } from '../../src/store/sweep.ts'
import { directory, script } from '../support/builds.ts'
import { needs } from '../support/requirements.ts'
import { stageBuild, temporaryFolder, temporaryStore } from '../support/stores.ts'
import { type Helper, start } from '../system/helper-process.ts'

let store: StorePaths
let builds: Build[]

beforeEach(async () => {
  store = await temporaryStore()
  builds = []
  const folder = await temporaryFolder()
  const staged = [1, 2, 3, 4, 5].map((number) => {
    const path = join(folder, `v${number}`)
    directory(script('#!/bin/sh\nexit 0\n'), { number: String(number) })(path)
    return stageBuild(store, path)
  })
  const age = ({ stagedAt, id }: Build) => `${stagedAt} ${id}`
  builds = (await Promise.all(staged)).sort((a, b) => (age(a) < age(b) ? -1 : 1))
}, 30_000)

/** The first one is the oldest. */
const idOf = (number: number) => builds[number - 1]!.id

const NONE: ReadonlySet<string> = new Set()

test('the oldest builds go first, and as many as asked for stay besides the protected ones', async () => {
  const swept = await sweepBuilds(store, { keep: 2, protect: new Set([idOf(1)]) })
  expect(swept).toEqual([idOf(2), idOf(3)])
  expect((await readdir(store.builds)).sort()).toEqual([idOf(1), idOf(4), idOf(5)].sort())
  expect(await readdir(store.tmp)).toEqual([])
})

const MAPS = `import mmap, os, sys
file = open(sys.argv[1])
mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
file.close()
print('up', flush=True)
sys.stdin.read()`

type User = (store: StorePaths, id: string, tree: string) => Helper

const USERS: readonly [string, User][] = [
  ['says so in its environment', ({ root }, id) => shell('/', { AUTOUP_STATE: root, AUTOUP_BUILD: id })],
  ['works in it', (_store, _id, tree) => shell(tree)],
  ['runs a program of it', (_store, _id, tree) => shell('/', {}, join(tree, 'sh'))],
  ['has mapped a file of it', (_store, _id, tree) => start(['python3', '-c', MAPS, join(tree, 'number')], { env: {} })],
]

needs('python3').describe('a build stays as long as a living process', () => {
  test.each(USERS)('%s', async (_what, use) => {
    const tree = treeFolder(store, idOf(2))
    await copyFile('/bin/sh', join(tree, 'sh'))
    const user = use(store, idOf(2), tree)
    await user.line()
    const swept = await sweepBuilds(store, { keep: 0, protect: new Set([idOf(5)]) })
    expect(swept).toEqual([idOf(1), idOf(3), idOf(4)])
    await user.kill()
    expect(await sweepBuilds(store, { keep: 0, protect: new Set([idOf(5)]) })).toEqual([idOf(2)])
  })
})

/** Says that it runs, and waits; with nothing in its environment but what is given. */
function shell(cwd: string, env: Record<string, string> = {}, program = '/bin/sh'): Helper {
  return start([program, '-c', 'echo up; read line'], { cwd, env })
}

test('nothing goes while there are no more than are kept', async () => {
  expect(await sweepBuilds(store, { keep: 5, protect: NONE })).toEqual([])
})

test('a build that somebody has written into is moved aside, not deleted', async () => {
  await writeFile(join(treeFolder(store, idOf(1)), 'customers.db'), 'precious')
  expect(await sweepBuilds(store, { keep: 4, protect: NONE })).toEqual([idOf(1)])
  const [aside] = await readdir(store.aside)
  expect(aside).toContain(idOf(1))
  expect((await stat(join(store.aside, aside!, 'tree/customers.db'))).size).toBe(8)
})

describe('of a build in Python', () => {
  let tree: string

  beforeEach(async () => {
    const path = join(await temporaryFolder(), 'py')
    directory(script('#!/bin/sh\nexit 0\n'), { 'app.py': 'import lib\n', 'lib.py': 'x = 1\n' })(path)
    const build = await stageBuild(store, path)
    builds = [build]
    tree = treeFolder(store, build.id)
    await sweepBuilds(store, { keep: 0, protect: new Set([build.id]) })
  })

  const sweep = async () => {
    expect(await sweepBuilds(store, { keep: 0, protect: NONE })).toEqual([idOf(1)])
    expect(await readdir(store.builds)).toEqual([])
    return await readdir(store.aside).catch(() => [])
  }

  needs('python3').test('what Python has compiled by itself goes with it', async () => {
    execFileSync('python3', ['app.py'], { cwd: tree, env: { PATH: process.env.PATH } })
    expect(await readdir(join(tree, '__pycache__'))).toEqual([expect.stringMatching(/^lib\..*\.pyc$/)])
    expect(await sweep()).toEqual([])
    expect(await readdir(store.tmp)).toEqual([])
  })

  test.each([
    ['without a source', ['__pycache__/gone.cpython-311.pyc']],
    ['whose source is a stranger', ['__pycache__/new.cpython-311.pyc', 'new.py']],
    ['beside something else', ['__pycache__/lib.cpython-311.pyc', '__pycache__/cache.db']],
    ['with another ending', ['__pycache__/lib.cpython-311.pyc.139']],
    ['in a deeper folder', ['__pycache__/x/lib.cpython-311.pyc']],
    ['elsewhere', ['lib.cpython-311.pyc']],
  ])('a compiled file %s is kept with it', async (_, paths) => {
    for (const path of paths) {
      await mkdir(dirname(join(tree, path)), { recursive: true })
      await writeFile(join(tree, path), 'x')
    }
    expect(await sweep()).toEqual([expect.stringContaining(idOf(1))])
  })
})

test('what is no build is left alone', async () => {
  await mkdir(join(store.builds, 'mine'))
  await sweepBuilds(store, { keep: 0, protect: NONE })
  expect(await readdir(store.builds)).toEqual(['mine'])
})

test('a build that has become needed while the store was looked through stays', async () => {
  const swept = await sweepBuilds(store, { keep: 0, protect: NONE, isNeeded: (id) => id === idOf(3) })
  expect(swept).toEqual([1, 2, 4, 5].map(idOf))
})

test('tmp is emptied, read-only folders too', async () => {
  const folder = join(store.tmp, 'stage-x/tree/deep')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'file'), '')
  await chmod(folder, 0o555)
  await chmod(join(store.tmp, 'stage-x/tree'), 0o555)
  // Whatever a stager has left; by a name that is looked at first.
  await symlink('/nowhere', join(store.tmp, 'partial-x'))
  await lutimes(join(store.tmp, 'partial-x'), 0, 0)
  await sweepTmp(store)
  expect(await readdir(store.tmp)).toEqual([])
})
