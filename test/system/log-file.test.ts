import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { openLog, rotateLog } from '../../src/system/log-file.ts'
import { temporaryDirectory } from '../support/master.ts'

const read = (path: string) => readFileSync(path, 'utf8')
const logIn = (folder: string) => join(folder, 'service.log')

test('a rotation moves all up by one, cuts the file itself, and keeps as many as were asked for', async () => {
  const path = logIn(temporaryDirectory())
  for (const text of ['one\n', 'two\n', 'three\n', 'four\n']) {
    appendFileSync(path, text)
    const { ino } = statSync(path)
    await rotateLog(path, 2)
    expect([statSync(path).ino, read(path)]).toEqual([ino, ''])
  }
  expect([read(`${path}.1`), read(`${path}.2`)]).toEqual(['four\n', 'three\n'])
  expect(readdirSync(dirname(path)).sort()).toEqual([0, 1, 2].map((n) => basename(path) + (n ? `.${n}` : '')))
})

test('none are kept where none are asked for', async () => {
  const path = logIn(temporaryDirectory())
  writeFileSync(path, 'one\n')
  await rotateLog(path, 0)
  expect([read(path), existsSync(`${path}.1`)]).toEqual(['', false])
})

test('what is written while it is copied is in the copy or in the file', async () => {
  const path = logIn(temporaryDirectory())
  writeFileSync(path, 'x'.repeat(8 * 1024 * 1024))
  const rotated = rotateLog(path, 1)
  let written = 0
  const writing = setInterval(() => appendFileSync(path, `line ${written++}\n`), 1)
  await rotated
  clearInterval(writing)
  const all = read(`${path}.1`) + read(path)
  for (let number = 0; number < written; number++) expect(all).toContain(`line ${number}\n`)
})

test('of several masters that share a log one rotates it, and only while it is long', async () => {
  const path = logIn(temporaryDirectory())
  const text = 'one\n'.repeat(1_000_000)
  writeFileSync(path, text)
  await Promise.all([1, 2, 3].map(() => rotateLog(path, 3, 100)))
  await rotateLog(path, 3, 100)
  expect([read(path), read(`${path}.1`) === text, readdirSync(dirname(path)).length]).toEqual(['', true, 2])
})

test('a rotation that fails leaves the log as it is', async () => {
  const path = logIn(temporaryDirectory())
  writeFileSync(path, 'one\n')
  mkdirSync(`${path}.1`)
  writeFileSync(join(`${path}.1`, 'file'), '')
  await expect(rotateLog(path, 1)).rejects.toThrow()
  expect([read(path), existsSync(`${path}.rotating`)]).toEqual(['one\n', false])
})

test('a log that cannot be opened is one sentence', () => {
  const folder = temporaryDirectory()
  expect(() => openLog(join(folder, 'gone', 'app.log'), null)).toThrow(
    `cannot open the log ${folder}/gone/app.log: there is no directory ${folder}/gone: make it, or give another file with --log-file`,
  )
  expect(() => openLog(folder, null)).toThrow('it is a directory')
})
