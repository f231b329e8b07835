import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { fetcherFor } from '../../fetchers/index.ts'
import { findPlugin } from '../../fetchers/plugin/path.ts'
import { pluginFetcher } from '../../fetchers/plugin.ts'
import type { StageVerdict } from '../../src/runtime/stager/stage-protocol.ts'
import { jobFor, runJob, temporaryFolder, temporaryStore } from '../support/stores.ts'

let folder: string
let files = 0

beforeEach(async () => {
  folder = await temporaryFolder()
})

/** A plugin with these methods; another file each time, since Node keeps modules. */
async function plugin(methods: string, exported = 'export default'): Promise<string> {
  const path = join(folder, `plugin-${files++}.mjs`)
  await writeFile(path, `${exported} { scheme: 'test', ${methods} }\n`)
  return path
}

const RELEASE = "{ version: '1.0.0', name: 'app', size: null, digest: null, ordered: true }"
const FOUND = `async check() { return { kind: 'release', release: ${RELEASE}, known: 1 } }`
const NEVER = 'async fetch() { throw new Error("not asked for") }'

async function stage(spec: string): Promise<StageVerdict> {
  return runJob(jobFor(await temporaryStore(), spec, { allowUnverified: true, command: 'app' }))
}

describe('a plugin', () => {
  test('is not loaded by whoever only asks for it, as the master does', async () => {
    const path = join(folder, 'bomb.mjs')
    await writeFile(path, 'globalThis.loaded = true; throw new Error("boom")')
    const { fetcher, location } = await fetcherFor(`${path}?a=1&b=2`)
    expect(location).toBe('a=1&b=2')
    expect(fetcher.scheme).toBe('plugin')
    expect('loaded' in globalThis).toBe(false)
  })

  test('is asked, and what it delivers is staged', async () => {
    const path = await plugin(`
      async check({ location }) { return { kind: 'release', release: { ...${RELEASE}, detail: location }, known: 1 } },
      async fetch(context, release, into) {
        if (release.detail !== 'options') throw new Error('lost')
        const bytes = async function* () { yield Buffer.from('#!/bin/sh\\n') }
        await into.artifact(async () => ({ from: 0, bytes: bytes() }), null)
      }`)
    expect(await stage(`${path}?options`)).toMatchObject({ type: 'staged', build: { version: '1.0.0' } })
  })

  test('may export its fetcher by that name', async () => {
    const path = await plugin(`async check() { return { kind: 'unchanged' } }, ${NEVER}`, 'export const fetcher =')
    expect(await stage(path)).toMatchObject({ type: 'unchanged' })
  })

  test('has its companions read, and only text is one', async () => {
    const methods = `async check() { return { kind: 'release', known: 1,
      release: { ...${RELEASE}, siblings: ['SHA256SUMS'] } } }, ${NEVER}`
    const wrong = await plugin(`${methods}, companion: async () => 7`)
    expect(await stage(wrong)).toMatchObject({
      type: 'error',
      message: `the plugin ${wrong} answered what is no text for SHA256SUMS`,
    })
    const right = await plugin(`${methods}, companion: async () => '${'a'.repeat(64)}  app\\n'`)
    expect(await stage(right)).toMatchObject({
      type: 'error',
      message: expect.stringMatching(/cannot fetch 1\.0\.0: not asked for/),
    })
  })
})

describe('a plugin that is not right gets a sentence', () => {
  test.each([
    [
      'throws',
      `async check() { throw new TypeError('x is not iterable\\nat y') }, ${NEVER}`,
      'cannot check: x is not iterable',
    ],
    ['throws at once', `check() { throw new Error('no') }, ${NEVER}`, 'cannot check: no'],
    ['throws no error', `async check() { throw 'a word' }, ${NEVER}`, 'cannot check: a word'],
    ['throws nothing', `async check() { throw '' }, ${NEVER}`, 'cannot check: it threw something without a message'],
    ['throws while it fetches', `${FOUND}, ${NEVER}`, 'cannot fetch 1.0.0: not asked for'],
    ['delivers nothing', `${FOUND}, async fetch() {}`, 'PLUGIN delivered nothing of app'],
    [
      'delivers no bytes',
      `${FOUND}, async fetch(c, r, into) { await into.artifact(async () => 7, null) }`,
      'bytes from undefined on',
    ],
    ['answers nonsense', `async check() { return 42 }, ${NEVER}`, 'answered what is no release: the answer is 42'],
    ['answers half', `async check() { return { kind: 'release' } }, ${NEVER}`, 'release is missing'],
    ['has no fetch', 'async check() {}', 'if it is the release itself, write file:'],
  ])('when it %s', async (_, methods, sentence) => {
    const spec = await plugin(methods)
    const verdict = await stage(spec)
    const message = expect.stringContaining(sentence.replace('PLUGIN', spec))
    expect(verdict).toMatchObject({ type: 'error', message })
    expect((verdict as { message: string }).message).not.toContain('\n')
  })

  test('when it is no module', async () => {
    const path = join(folder, 'broken.mjs')
    await writeFile(path, 'this is no program')
    expect(await stage(path)).toMatchObject({
      type: 'error',
      message: expect.stringMatching(/^the plugin .*broken\.mjs cannot be loaded: \S/),
    })
  })

  test('when its check does not come back', async () => {
    const file = await plugin(`check: () => new Promise(() => {}), ${NEVER}`)
    const fetcher = pluginFetcher({ name: './slow.mjs', file, options: '' }, { checkMs: 20 })
    await expect(fetcher.check({} as never, null)).rejects.toThrow(
      /^the plugin \.\/slow\.mjs did not answer in 20\s?ms: its check hangs$/,
    )
  })
})

describe('where a plugin is', () => {
  test.each(['./my.js', '../up.mjs', '/abs.cjs'])('%s that is not there is said at the start', async (path) => {
    expect(() => findPlugin(path, folder)).toThrow(/^there is no plugin at .*: check the path$/)
  })

  test.each(['./app', '/srv/app', 'app', 'file:x', '', '?', '../x.py', './a\0.js'])('%j is none', (spec) => {
    expect(findPlugin(spec, folder)).toBeNull()
  })

  test('a relative path is relative to where autoup was started', async () => {
    await writeFile(join(folder, 'mine.js'), '')
    expect(findPlugin('./mine.js?a?b', folder)).toEqual({
      name: './mine.js',
      file: join(folder, 'mine.js'),
      options: 'a?b',
    })
  })

  test.each([
    ['main', { main: 'lib/main.js' }],
    ['nothing', {}, 'index.js'],
    ['exports as a path', { exports: './lib/main.js', main: 'no.js' }],
    ['conditions', { exports: { types: './x.d.ts', require: './no.cjs', import: './lib/main.js' } }],
    ['a map', { exports: { '.': { import: { node: './lib/main.js' } }, './more': './more.js' } }],
  ])('a package is found by its %s, from a folder below', async (_, manifest, file = 'lib/main.js') => {
    const root = join(folder, 'node_modules/@team/fetcher')
    await mkdir(join(root, 'lib'), { recursive: true })
    await mkdir(join(folder, 'deep/er'), { recursive: true })
    await writeFile(join(root, 'package.json'), JSON.stringify({ name: '@team/fetcher', ...manifest }))
    await writeFile(join(root, file), '')
    expect(findPlugin('@team/fetcher?x=1', join(folder, 'deep/er'))).toEqual({
      name: '@team/fetcher',
      file: join(root, file),
      options: 'x=1',
    })
  })

  test('a package without a module says so', async () => {
    await mkdir(join(folder, 'node_modules/empty'), { recursive: true })
    await writeFile(join(folder, 'node_modules/empty/package.json'), '{"main":"dist/index.js"}')
    expect(() => findPlugin('empty', folder)).toThrow(/^the package empty in .* has no module to load: is it built\?$/)
  })
})
