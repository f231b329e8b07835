import {
  chmod,
  lchown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  BUILD_FILE_BYTES,
  formatBuildFile,
  readBuild,
  readBuildFileIn,
  treeFolder,
} from '../../src/store/build-file.ts'
import { checkSeal } from '../../src/store/check-seal.ts'
import type { StorePaths } from '../../src/store/layout.ts'
import { sealTree } from '../../src/store/manifest.ts'
import { finishStaging } from '../../src/store/seal.ts'
import { takeBack } from '../../src/store/take-back.ts'
import { STRANGERS } from '../../src/system/stranger.ts'
import { script } from '../support/builds.ts'
import { needs } from '../support/requirements.ts'
import { jobFor, runJob, stageBuild, temporaryFolder, temporaryStore } from '../support/stores.ts'

const asRoot = needs('root').test

let store: StorePaths
let source: string

/** bin/app, a text, and links within. */
beforeEach(async () => {
  store = await temporaryStore()
  source = join(await temporaryFolder(), 'app')
  await mkdir(join(source, 'bin'), { recursive: true })
  await mkdir(join(source, 'share/doc'), { recursive: true })
  script('#!/bin/sh\nexit 0\n', 0o4755)(join(source, 'bin/app'))
  await writeFile(join(source, 'share/doc/README'), 'hello', { mode: 0o664 })
  await symlink('bin/app', join(source, 'app'))
  await symlink('../bin', join(source, 'share/bin'))
  await symlink('share/bin/app', join(source, 'via'))
})

/** A staged folder, not sealed yet. */
async function staged(): Promise<string> {
  const verdict = await runJob(jobFor(store, `file:${source}`))
  if (verdict.type !== 'staged' || verdict.directory === null) throw new Error(JSON.stringify(verdict))
  return verdict.directory
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o7777).toString(8)
}

describe('a staged folder that a hostile stager has made', () => {
  const rewrite = async (directory: string, change: (file: Record<string, unknown>) => void) => {
    const file = JSON.parse(await readFile(join(directory, 'build.json'), 'utf8'))
    change(file)
    await rm(join(directory, 'build.json'))
    await writeFile(join(directory, 'build.json'), JSON.stringify(file))
  }

  test.each([
    ['version', '9.9.9'],
    ['version', '1\u001b[2J'],
    ['stagedAt', '2020-01-01T00:00:00Z'],
    ['proofs', ['minisign']],
  ])('that says another %s than was reported (%j) is not taken', async (name, value) => {
    const directory = await staged()
    const said = JSON.parse(await readFile(join(directory, 'build.json'), 'utf8'))
    await rewrite(directory, (file) => {
      file[name] = value
    })
    await expect(finishStaging(store, directory, said)).rejects.toThrow('another build than was reported')
    expect(await readdir(store.builds)).toEqual([])
  })

  test('with a link in the place of its tree makes no link elsewhere', async () => {
    const directory = await staged()
    const elsewhere = await temporaryFolder()
    await rewrite(directory, (file) => {
      file.links = [{ path: 'evil', target: '.' }]
    })
    await rename(join(directory, 'tree'), join(directory, 'other'))
    await symlink(elsewhere, join(directory, 'tree'))
    await expect(finishStaging(store, directory)).rejects.toThrow('holds no staged build')
    expect(await readdir(elsewhere)).toEqual([])
    expect(await readdir(store.builds)).toEqual([])
  })

  test.each(['build.json', 'manifest'])('with a link to a device for %s is not read for ever', async (name) => {
    const directory = await staged()
    await rm(join(directory, name))
    await symlink('/dev/zero', join(directory, name))
    await expect(finishStaging(store, directory)).rejects.toThrow('holds no staged build')
  })

  test('that is itself a link is not followed', async () => {
    const directory = await staged()
    await symlink(directory, join(store.tmp, 'link'))
    await expect(finishStaging(store, join(store.tmp, 'link'))).rejects.toThrow('holds no staged build')
    expect(await readdir(store.builds)).toEqual([])
  })

  test('with a build.json that would fill the memory of the master is not read', async () => {
    const directory = await staged()
    await rewrite(directory, (file) => {
      file.filling = 'x'.repeat(BUILD_FILE_BYTES)
    })
    await expect(finishStaging(store, directory)).rejects.toThrow('holds no staged build')
    expect(await readdir(store.builds)).toEqual([])
  })

  asRoot('leaves no file setuid or writable for others, however it was made', async () => {
    const directory = await staged()
    for (const path of ['', ...(await readdir(directory, { recursive: true }))]) {
      await lchown(join(directory, path), STRANGERS, STRANGERS)
    }
    await chmod(join(directory, 'tree/bin/app'), 0o6777)
    await chmod(join(directory, 'tree/share'), 0o3777)
    const { id } = await finishStaging(store, directory)
    expect(await modeOf(join(treeFolder(store, id), 'bin/app'))).toBe('755')
    expect((await stat(join(treeFolder(store, id), 'share'))).mode & 0o7022).toBe(0)
    expect((await stat(join(treeFolder(store, id), 'bin/app'))).uid).toBe(0)
  })

  asRoot('that holds more files than any build is not gone through', async () => {
    const directory = await staged()
    await lchown(directory, STRANGERS, STRANGERS)
    await expect(takeBack(directory, 3)).rejects.toThrow(/holds more than any build/)
  })

  test('with links that go round and round for ever is given up soon', async () => {
    const directory = await staged()
    await rewrite(directory, (file) => {
      const target = `${'bin/../'.repeat(140)}bin`
      file.links = Array.from({ length: 3_000 }, (_, at) => ({ path: `link-${at}`, target }))
    })
    await expect(finishStaging(store, directory)).rejects.toThrow(/too many others/)
  })
})

describe('a sealed build', () => {
  test('is read-only, without setuid, with its links, and nothing is left in tmp', async () => {
    const { id } = await stageBuild(store, source)
    const tree = treeFolder(store, id)
    expect(await modeOf(join(tree, 'bin/app'))).toBe('555')
    expect(await modeOf(join(tree, 'share/doc/README'))).toBe('444')
    expect(await modeOf(join(tree, 'bin'))).toBe('555')
    expect(await modeOf(join(tree, 'share'))).toBe('555')
    expect(await modeOf(tree)).toBe('555')
    expect(await modeOf(join(store.builds, id))).toBe('555')
    expect(await readlink(join(tree, 'app'))).toBe('bin/app')
    expect(await readlink(join(tree, 'share/bin'))).toBe('../bin')
    expect(await readdir(store.tmp)).toEqual([])
    expect(await checkSeal(store, id, { full: true })).toEqual({ missing: [], changed: [], strangers: [] })
    expect(readBuild(store, id)).toMatchObject({ id, committedAt: null, proofs: ['local-file'] })
  })

  test('is kept when the same is staged again', async () => {
    const first = await staged()
    const second = await staged()
    const build = await finishStaging(store, first)
    const { ino } = await stat(treeFolder(store, build.id))
    expect(await finishStaging(store, second)).toEqual(build)
    expect((await stat(treeFolder(store, build.id))).ino).toBe(ino)
    expect(await readdir(store.tmp)).toEqual([])
  })

  test('takes the place of a damaged one, which is kept aside', async () => {
    const { id } = await stageBuild(store, source)
    await writeFile(join(treeFolder(store, id), 'bin/app'), 'changed by root')
    const again = await staged()
    await finishStaging(store, again)
    expect(await checkSeal(store, id, { full: true })).toEqual({ missing: [], changed: [], strangers: [] })
    const aside = await readdir(store.aside)
    expect(aside).toEqual([expect.stringContaining(id)])
    expect((await stat(join(store.aside, aside[0]!, 'tree/bin/app'))).size).toBe(15)
  })
})

describe('what the master does not believe', () => {
  const lie = async (directory: string, links: { path: string; target: string }[]) => {
    const file = readBuildFileIn(directory)!
    await rm(join(directory, 'build.json'))
    await writeFile(join(directory, 'build.json'), formatBuildFile({ ...file, links }))
  }

  test.each([
    ['an absolute target', { path: 'x', target: '/etc/passwd' }],
    ['a target outside', { path: 'x', target: '../../../state.json' }],
    ['a target that is not there', { path: 'x', target: 'nothing' }],
    ['a place outside', { path: '../x', target: 'bin' }],
    ['a place in a folder that is not there', { path: 'nowhere/x', target: '../bin' }],
    ['a place below a file', { path: 'bin/app/x', target: '../app' }],
  ])('a link with %s is refused, and no link is made', async (_, link) => {
    const directory = await staged()
    await lie(directory, [{ path: 'good', target: 'bin' }, link])
    await expect(finishStaging(store, directory)).rejects.toMatchObject({ code: 'refused' })
    expect(await readdir(store.builds)).toEqual([])
    expect(await readdir(store.tmp)).toEqual([])
  })

  test('a link through a link that the tree already has is refused', async () => {
    const directory = await staged()
    await chmod(join(directory, 'tree'), 0o755)
    await symlink('/tmp', join(directory, 'tree/evil'))
    await lie(directory, [{ path: 'evil/x', target: 'bin' }])
    await expect(finishStaging(store, directory)).rejects.toMatchObject({ code: 'refused' })
  })

  test('a folder from elsewhere, or without a build.json, is not sealed', async () => {
    const elsewhere = join(await temporaryFolder(), 'x')
    await rename(await staged(), elsewhere)
    await expect(finishStaging(store, elsewhere)).rejects.toThrow(/no staged build/)
    const empty = join(store.tmp, 'empty')
    await mkdir(empty)
    await expect(finishStaging(store, empty)).rejects.toThrow(/no staged build/)
  })
})

describe('a build that is looked at again', () => {
  let id: string
  let tree: string

  beforeEach(async () => {
    id = (await stageBuild(store, source)).id
    tree = treeFolder(store, id)
  })

  const quick = () => checkSeal(store, id, { full: false })
  const full = () => checkSeal(store, id, { full: true })

  test('misses what is gone', async () => {
    await rm(join(tree, 'share/doc'), { recursive: true })
    await rm(join(tree, 'app'))
    expect(await quick()).toEqual({ missing: ['app', 'share/doc', 'share/doc/README'], changed: [], strangers: [] })
  })

  test('shows changed bytes, modes, links and kinds', async () => {
    await writeFile(join(tree, 'share/doc/README'), 'jello')
    await chmod(join(tree, 'bin/app'), 0o644)
    await rm(join(tree, 'app'))
    await symlink('share', join(tree, 'app'))
    await rm(join(tree, 'via'))
    await mkdir(join(tree, 'via'))
    expect((await quick()).changed).toEqual(['app', 'bin/app', 'share/doc/README', 'via'])
  })

  test('is not changed by being touched: the file is read once more', async () => {
    await utimes(join(tree, 'share/doc/README'), 1, 1)
    expect(await quick()).toEqual({ missing: [], changed: [], strangers: [] })
  })

  test('shows a change that is not to be seen from outside only to a full look', async () => {
    // As after a disk error: the manifest agrees with how the file looks, and its bytes are others.
    await writeFile(join(tree, 'share/doc/README'), 'jello')
    const { mtimeNs, ctimeNs } = await lstat(join(tree, 'share/doc/README'), { bigint: true })
    const manifest = join(store.builds, id, 'manifest')
    const text = await readFile(manifest, 'utf8')
    await writeFile(manifest, text.replace(/(README\t-\t5\t\w+)\t\d+\t\d+/, `$1\t${mtimeNs}\t${ctimeNs}`))
    expect((await quick()).changed).toEqual([])
    expect((await full()).changed).toEqual(['share/doc/README'])
  })

  test('reports strangers without calling the build changed; of a strange folder the folder', async () => {
    await mkdir(join(tree, 'bin/__pycache__'))
    await writeFile(join(tree, 'bin/__pycache__/app.pyc'), '')
    await writeFile(join(tree, 'bad\nname'), '')
    expect(await full()).toEqual({ missing: [], changed: [], strangers: ['bad\nname', 'bin/__pycache__'] })
  })

  test('is not believed with a manifest that was changed, or without one', async () => {
    const manifest = join(store.builds, id, 'manifest')
    await writeFile(manifest, 'd\tbin\n')
    expect((await quick()).changed).toEqual(['manifest'])
    await rm(manifest)
    expect((await quick()).missing).toEqual(['manifest'])
    await rm(join(store.builds, id, 'build.json'))
    expect((await quick()).missing).toEqual(['build.json'])
    expect(readBuild(store, id)).toBeNull()
  })
})

describe('a tree', () => {
  test.each([
    ['out of it', '../../etc', /outside/],
    ['to an absolute path', '/bin/sh', /outside/],
    ['to nothing', 'nothing', /not there/],
  ])('with a link %s has no manifest', async (_, target, why) => {
    await symlink(target, join(source, 'bad'))
    expect(await sealTree(source, { maxEntries: 100 })).toEqual({ problem: expect.stringMatching(why) })
  })

  test('with too much in it has no manifest', async () => {
    expect(await sealTree(source, { maxEntries: 3 })).toEqual({ problem: 'holds more than 3 files and folders' })
  })
})

test('the same build, staged twice at a time, is sealed once and known to both', async () => {
  const folders = [await staged(), await staged()]
  const [one, other] = await Promise.all(folders.map((folder) => finishStaging(store, folder)))
  expect(other).toEqual(one)
  expect(await readdir(store.builds)).toEqual([one?.id])
  expect(await readdir(store.root)).not.toContain('aside')
})
