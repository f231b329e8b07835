import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Entry, findEntry, ownEntries } from '../../src/store/entry.ts'
import { temporaryFolder } from '../support/stores.ts'

let tree: string

beforeEach(async () => {
  tree = await temporaryFolder()
  for (const path of ['app', 'bin/tool', 'node_modules/.bin/cli', 'bin/sh', 'sub/run']) {
    await mkdir(join(tree, path, '..'), { recursive: true })
    await writeFile(join(tree, path), '#!/bin/sh\n', { mode: 0o755 })
  }
  await writeFile(join(tree, 'data'), '')
})

function find(command: string[], executables: string[] = [], project = 'app'): Entry {
  return findEntry({ tree, executables, project, command, searchPath: '/usr/bin:/bin' })
}

describe('a command', () => {
  test.each([
    ['app', 'app'],
    ['./app', 'app'],
    ['tool', 'bin/tool'],
    ['cli', 'node_modules/.bin/cli'],
    ['sub/run', 'sub/run'],
    // What the build brings comes before what the machine has.
    ['sh', 'bin/sh'],
  ])('%s is found in the build', (word, path) => {
    expect(find([word])).toEqual({ kind: 'found', path: join(tree, path) })
  })

  test('is found in PATH, or where it says', () => {
    expect(find(['env'])).toEqual({ kind: 'found', path: '/usr/bin/env' })
    expect(find(['/bin/sh'])).toEqual({ kind: 'found', path: '/bin/sh' })
  })

  test('that is not there is not found', () => {
    expect(find(['nothing'])).toMatchObject({ kind: 'not-found', message: expect.stringContaining("'nothing'") })
    expect(find(['./env'], ['bin/app'])).toMatchObject({
      kind: 'not-found',
      message: "cannot find the command './env' in the build (it holds bin/app): check how it is written",
    })
    expect(find(['/no/such'])).toMatchObject({ kind: 'not-found' })
    // A folder is no program.
    expect(find(['bin'])).toMatchObject({ kind: 'not-found' })
    expect(find(['./bin'])).toEqual({ kind: 'not-executable', message: "'./bin' is a folder and no program" })
    expect(find(['app/x'])).toMatchObject({ kind: 'not-found' })
  })

  test('without the execute bit says so', async () => {
    await chmod(join(tree, 'data'), 0o644)
    expect(find(['./data'])).toMatchObject({ kind: 'not-executable', message: expect.stringContaining('chmod +x') })
  })

  test('may be a link of the build', async () => {
    await symlink('bin/tool', join(tree, 'link'))
    expect(find(['link'])).toEqual({ kind: 'found', path: join(tree, 'link') })
  })
})

describe('without a command', () => {
  test('the only executable is run, whatever it is called', () => {
    expect(find([], ['bin/tool'])).toEqual({ kind: 'found', path: join(tree, 'bin/tool') })
  })

  test('the one named like the project is run', () => {
    expect(find([], ['bin/tool', 'app'])).toEqual({ kind: 'found', path: join(tree, 'app') })
  })

  test('two candidates are an error that names them', () => {
    const entry = find([], ['bin/tool', 'sub/run'])
    expect(entry).toMatchObject({ kind: 'ambiguous', candidates: ['bin/tool', 'sub/run'] })
    expect(entry).toMatchObject({ message: expect.stringContaining('bin/tool, sub/run') })
  })

  test('none is an error that says what to do', () => {
    expect(find([], [])).toMatchObject({ kind: 'not-found', message: expect.stringContaining('after --') })
  })

  test('a name with the platform in it counts as the project, if it is the only one', () => {
    expect(ownEntries(['bin/app-linux-amd64', 'bin/helper'], 'app')).toEqual(['bin/app-linux-amd64'])
    expect(ownEntries(['app-cli', 'app-server'], 'app')).toEqual(['app-cli', 'app-server'])
    expect(ownEntries(['apple', 'bin/helper'], 'app')).toEqual(['apple', 'bin/helper'])
  })
})
