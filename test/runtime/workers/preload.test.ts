import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { installPreload, withPreload } from '../../../src/runtime/workers/preload.ts'
import type { StorePaths } from '../../../src/store/layout.ts'
import { isReachable } from '../../../src/system/reachable.ts'
import { onEnd } from '../../support/on-end.ts'
import { temporaryFolder, temporaryStore } from '../../support/stores.ts'

let paths: StorePaths
let source: string

beforeEach(async () => {
  paths = await temporaryStore()
  source = await temporaryFolder()
  const index = "const { say } = require('./other.cjs'); say('index', require('./other.cjs').say === say)"
  const other =
    "const { constants } = require('node:os'); exports.say = (word, same) => console.log(word, 'other', constants.signals.SIGTERM + 27, same)"
  writeFileSync(join(source, 'index.cjs'), index)
  writeFileSync(join(source, 'other.cjs'), other)
  writeFileSync(join(source, 'index.d.cts'), 'not for workers')
})

describe('the copy of the preload', () => {
  test('holds what Node loads, and everybody may read it, whatever the umask is', () => {
    const before = process.umask(0o077)
    onEnd(() => process.umask(before))
    const file = installPreload(paths, source)
    expect(execFileSync(process.execPath, ['--require', file, '-e', '0']).toString()).toBe('index other 42 true\n')
    expect(readFileSync(parts(), 'utf8')).not.toContain('not for workers')
    expect(readdirSync(paths.preload).sort()).toEqual(['index.cjs', 'parts.cjs'])
    expect(statSync(paths.preload).mode & 0o777).toBe(0o755)
    for (const each of [file, parts()]) expect(statSync(each).mode & 0o777).toBe(0o644)
  })

  test('stays as it is as long as it is the same', () => {
    const file = installPreload(paths, source)
    const { ino } = statSync(parts())
    expect(installPreload(paths, source)).toBe(file)
    expect(statSync(parts()).ino).toBe(ino)
  })

  test('is replaced when it has changed, or was changed', () => {
    const file = installPreload(paths, source)
    const text = readFileSync(parts(), 'utf8')
    for (const each of [file, parts()]) writeFileSync(each, 'torn')
    installPreload(paths, source)
    expect(readFileSync(parts(), 'utf8')).toBe(text)
    expect(execFileSync(process.execPath, [file]).toString()).toBe('index other 42 true\n')
    writeFileSync(join(source, 'new.cjs'), '// new')
    installPreload(paths, source)
    expect(readFileSync(parts(), 'utf8')).toContain('// new')
  })
})

function parts(): string {
  return join(paths.preload, 'parts.cjs')
}

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
