import { appendFileSync, closeSync, mkdirSync, openSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { watchTree } from '../../src/system/watch-tree.ts'
import { temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'

interface Told {
  readonly paths: readonly string[]
  readonly count: number
}

/** A watch of a new folder; `next` is the next change that is told. */
async function start(prepare: (root: string) => void = () => {}, patterns: string[] = []) {
  const directory = realpathSync(temporaryDirectory())
  prepare(directory)
  const watch = await watchTree({ directory, patterns, apart: [join(directory, 'apart')] })
  onEnd(() => watch.close())
  const told: Told[] = []
  let wake: () => void = () => {}
  watch.connect({
    changed: (paths, count) => {
      told.push({ paths, count })
      wake()
    },
    warn: (message) => told.push({ paths: [message], count: -1 }),
  })
  const next = async (): Promise<Told> => {
    while (told.length === 0)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    return told.shift()!
  }
  const write = (name: string, text = 'x') => writeFileSync(join(directory, name), text)
  return { directory, next, write, told, watch }
}

test('a burst is told once, the first of it by name', async () => {
  const { next, write, told } = await start()
  for (let n = 0; n < 50; n++) write(`f${n}.js`)
  const { paths, count } = await next()
  expect(count).toBe(50)
  expect(paths).toHaveLength(3)
  write('last.js')
  expect(await next()).toEqual({ paths: ['last.js'], count: 1 })
  expect(told).toEqual([])
})

test('a new folder is followed, and what goes away is a change', async () => {
  const { directory, next, write } = await start()
  mkdirSync(join(directory, 'new/deep'), { recursive: true })
  write('new/deep/a.js')
  expect(await next()).toEqual({ paths: ['new/deep/a.js'], count: 1 })
  write('new/deep/a.js', 'changed')
  expect(await next()).toEqual({ paths: ['new/deep/a.js'], count: 1 })
  rmSync(join(directory, 'new'), { recursive: true })
  expect(await next()).toEqual({ paths: ['new/deep/a.js'], count: 1 })
})

test('what is ignored is silent until the ignore file lets it in', async () => {
  const { directory, next, write } = await start(
    (root) => {
      writeFileSync(join(root, '.gitignore'), 'out/\n')
      mkdirSync(join(root, 'out'))
      mkdirSync(join(root, 'apart'))
    },
    ['*.md'],
  )
  write('out/a.js')
  write('apart/a.js')
  write('a.md')
  write('server.pid')
  write('seen.js')
  expect(await next()).toEqual({ paths: ['seen.js'], count: 1 })
  writeFileSync(join(directory, '.gitignore'), '')
  // It is looked at anew; from when on, the first change of it says.
  const write2 = setInterval(() => appendFileSync(join(directory, 'out/a.js'), 'y'), 50)
  onEnd(() => clearInterval(write2))
  expect((await next()).paths).toEqual(['out/a.js'])
  clearInterval(write2)
})

test('a file that is held open for writing by those who watch is their own', async () => {
  const { directory, next, write } = await start()
  const log = openSync(join(directory, 'app.out'), 'a')
  onEnd(() => closeSync(log))
  appendFileSync(log, 'a line\n')
  write('a.js')
  expect(await next()).toEqual({ paths: ['a.js'], count: 1 })
})

test('what happens before somebody listens is told then', async () => {
  const directory = realpathSync(temporaryDirectory())
  const watch = await watchTree({ directory, patterns: [], apart: [] })
  onEnd(() => watch.close())
  writeFileSync(join(directory, 'early.js'), '')
  const paths = await new Promise((resolve) => watch.connect({ changed: resolve, warn: () => {} }))
  expect(paths).toEqual(['early.js'])
})
