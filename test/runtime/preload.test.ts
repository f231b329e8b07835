import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { installPreload, withPreload } from '../../src/runtime/preload.ts'
import type { StorePaths } from '../../src/store/layout.ts'
import { isReachable } from '../../src/system/reachable.ts'
import { onEnd } from '../support/on-end.ts'
import { temporaryFolder, temporaryStore } from '../support/stores.ts'

let paths: StorePaths
let source: string

beforeEach(async () => {
  paths = await temporaryStore()
  source = await temporaryFolder()
  writeFileSync(join(source, 'index.cjs'), "require('./other.cjs')")
  writeFileSync(join(source, 'other.cjs'), "console.log('loaded', __filename)")
  writeFileSync(join(source, 'index.d.cts'), 'not for workers')
})

describe('the copy of the preload', () => {
  test('holds what Node loads, and everybody may read it, whatever the umask is', () => {
    const before = process.umask(0o077)
    onEnd(() => process.umask(before))
    const file = installPreload(paths, source)
    expect(readdirSync(dirname(file)).sort()).toEqual(['index.cjs', 'other.cjs'])
    for (const path of [paths.preload, dirname(file)]) expect(statSync(path).mode & 0o777).toBe(0o755)
    expect(statSync(file).mode & 0o777).toBe(0o644)
  })

  test('stays where it is as long as it is the same', () => {
    const file = installPreload(paths, source)
    const { ino } = statSync(file)
    expect(installPreload(paths, source)).toBe(file)
    expect(statSync(file).ino).toBe(ino)
  })

  test('is another one when it has changed, or was changed, and the old one goes', () => {
    const first = installPreload(paths, source)
    writeFileSync(first, 'torn')
    const second = installPreload(paths, source)
    expect(readFileSync(second, 'utf8')).toContain('other')
    expect(existsSync(first)).toBe(false)
    writeFileSync(join(source, 'new.cjs'), '')
    mkdirSync(join(paths.preload, '.left'))
    const third = installPreload(paths, source)
    expect(readdirSync(paths.preload)).toEqual([third.split('/').at(-2)])
  })
})

test.each(['plain', 'with blanks in it', 'a "quoted" one', 'back\\slash', 'ünïcode'])(
  'Node finds it in NODE_OPTIONS in a folder that is called %s',
  async (name) => {
    const folder = join(await temporaryFolder(), name)
    mkdirSync(folder)
    writeFileSync(join(folder, 'index.cjs'), "console.log('loaded', Error.stackTraceLimit)")
    const options = withPreload('--stack-trace-limit=7', join(folder, 'index.cjs'))
    const env = { NODE_OPTIONS: options }
    expect(execFileSync(process.execPath, ['-e', '0'], { env }).toString()).toBe('loaded 7\n')
    const alone = { NODE_OPTIONS: withPreload(undefined, join(folder, 'index.cjs')) }
    expect(execFileSync(process.execPath, ['-e', '0'], { env: alone }).toString()).toBe('loaded 10\n')
  },
)

test('a file is within reach where each folder may be entered and the file be read', async () => {
  const stranger = { uid: 54_321, gid: 54_321 }
  const folder = join(await temporaryFolder(), 'way')
  mkdirSync(folder)
  const file = join(folder, 'file')
  writeFileSync(file, '')
  chmodSync(dirname(folder), 0o711)
  chmodSync(folder, 0o711)
  chmodSync(file, 0o644)
  expect(isReachable(file, stranger)).toBe(true)
  chmodSync(file, 0o640)
  expect(isReachable(file, stranger)).toBe(false)
  chmodSync(file, 0o644)
  chmodSync(folder, 0o700)
  expect(isReachable(file, stranger)).toBe(false)
  expect(isReachable(file, { uid: 0, gid: 0 })).toBe(true)
  expect(isReachable(join(folder, 'none'), stranger)).toBe(false)
})
