import { chmod, chown, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createStore, dataFolderFor, storePaths } from '../../src/store/layout.ts'
import { needs } from '../support/requirements.ts'
import { temporaryFolder } from '../support/stores.ts'

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o7777).toString(8)
}

test('a store is made with folders that a worker of another user can reach, whatever the umask', async () => {
  const before = process.umask(0o077)
  onTestFinished(() => void process.umask(before))
  const folder = await temporaryFolder()
  await chmod(folder, 0o755)
  const store = storePaths(join(folder, 'state'), 'app')
  createStore(store)
  expect(await modeOf(join(folder, 'state'))).toBe('755')
  expect(await modeOf(store.root)).toBe('755')
  expect(await modeOf(store.builds)).toBe('755')
  expect(await modeOf(store.data)).toBe('755')
  expect(await modeOf(store.tmp)).toBe('700')
})

test('a store that is there is left as it is', async () => {
  const store = storePaths(await temporaryFolder(), 'app')
  createStore(store)
  await chmod(store.data, 0o700)
  await writeFile(join(store.data, 'db'), 'precious')
  createStore(store)
  expect(await modeOf(store.data)).toBe('700')
  expect((await stat(join(store.data, 'db'))).size).toBe(8)
})

needs('root').test(
  'the directory that lasts is handed to whom workers run as, unless somebody has made another of it',
  async () => {
    const store = storePaths(await temporaryFolder(), 'app')
    createStore(store)
    expect(dataFolderFor(store, null)).toBe(store.data)
    expect(await stat(store.data)).toMatchObject({ uid: 0, gid: 0 })
    expect(dataFolderFor(store, { uid: 65_534, gid: 65_534 })).toBe(store.data)
    expect(await stat(store.data)).toMatchObject({ uid: 65_534, gid: 65_534 })
    dataFolderFor(store, { uid: 1, gid: 1 })
    expect(await stat(store.data)).toMatchObject({ uid: 65_534 })
    await chown(store.data, 0, 1)
    await chmod(store.data, 0o2775)
    dataFolderFor(store, { uid: 65_534, gid: 65_534 })
    expect(await stat(store.data)).toMatchObject({ uid: 0, gid: 1 })
  },
)

test('a state directory that cannot be one is named, with what to do', async () => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'file'), '')
  expect(() => createStore(storePaths(join(folder, 'file'), 'app'))).toThrow(/cannot write .*file.*--state-dir/)
  // Nobody, not even root, may write here.
  expect(() => createStore(storePaths('/proc/1', 'app'))).toThrow(/cannot write \/proc\/1\/app: /)
})

test('a name that is none is refused before anything is made', () => {
  expect(() => storePaths('/nonexistent', '../app')).toThrow(expect.objectContaining({ code: 'usage' }))
})
