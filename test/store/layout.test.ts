import { chmod, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createStore, storePaths } from '../../src/store/layout.ts'
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
