import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { readsAllFor } from '../../../src/runtime/stager/reads-all.ts'
import { isReadableByAll } from '../../../src/system/reachable.ts'
import { selfAs } from '../../../src/system/self.ts'
import { temporaryFolder } from '../../support/stores.ts'

let folder: string

beforeEach(async () => {
  folder = await temporaryFolder()
  chmodSync(folder, 0o755)
})

function file(name: string, mode: number): string {
  const path = join(folder, name)
  writeFileSync(path, 'x')
  chmodSync(path, mode)
  return path
}

function closedFolder(): string {
  const path = join(folder, 'closed')
  mkdirSync(path)
  chmodSync(path, 0o700)
  return path
}

describe('anybody can read', () => {
  test('a file by its own mode, and what is not there', () => {
    expect(isReadableByAll(file('open', 0o644))).toBe(true)
    expect(isReadableByAll(file('shut', 0o640))).toBe(false)
    expect(isReadableByAll(join(folder, 'missing'))).toBe(true)
    expect(isReadableByAll(join(folder, 'open/below'))).toBe(true)
  })

  test('a folder that he may also search', () => {
    expect(isReadableByAll(folder)).toBe(true)
    chmodSync(folder, 0o754)
    expect(isReadableByAll(folder)).toBe(false)
  })

  test('nothing through a closed folder, be it where a link leads to or where the link stands', () => {
    const closed = closedFolder()
    writeFileSync(join(closed, 'in'), 'x')
    symlinkSync(join(closed, 'in'), join(folder, 'into'))
    symlinkSync(file('open', 0o644), join(closed, 'out'))
    for (const path of [join(closed, 'in'), join(folder, 'into'), join(closed, 'out')]) {
      expect(isReadableByAll(path), path).toBe(false)
    }
  })
})

describe('a stager of root reads what root alone can read', () => {
  test('for a source on this machine, whatever it may be', () => {
    for (const source of ['file:/srv/app', './plugin.js', '@org/plugin?x=1']) {
      expect(readsAllFor(source, folder, {})).toBe('the source')
    }
  })

  /** Where this project itself is closed to others, that comes first. */
  const project = () => selfAs('stager').argv.find((path) => !isReadableByAll(path)) ?? null

  test('for a release from elsewhere only if something of its own is closed', () => {
    const closed = closedFolder()
    const authority = file('ca.pem', 0o600)
    for (const source of ['https://example.org/app', 'http://127.0.0.1/app', 'github:org/app', 'npm:app']) {
      expect(readsAllFor(source, folder, {})).toBe(project())
      expect(readsAllFor(source, closed, {})).toBe(project() ?? closed)
      expect(readsAllFor(source, folder, { NODE_EXTRA_CA_CERTS: authority })).toBe(project() ?? authority)
    }
  })

  test('for npm, when the settings that npm goes by are closed', () => {
    const own = file('.npmrc', 0o600)
    const other = file('other', 0o644)
    expect(readsAllFor('npm:app', folder, { HOME: folder })).toBe(project() ?? own)
    expect(readsAllFor('github:org/app', folder, { HOME: folder })).toBe(project())
    expect(readsAllFor('npm:app', folder, { HOME: folder, npm_config_userconfig: other })).toBe(project())
    expect(readsAllFor('npm:app', folder, { NPM_CONFIG_USERCONFIG: own })).toBe(project() ?? own)
    expect(readsAllFor('npm:app', folder, { npm_config_cafile: own })).toBe(project() ?? own)
  })
})
