import { appendFileSync, copyFileSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { followLog } from '../../src/cli/follow-log.ts'
import { rotateLog } from '../../src/system/log-file.ts'
import { temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'
import { until } from '../support/until.ts'

interface Options {
  from?: number
  copy?: string
  isFailing?: boolean
}

/** A followed log; `shows` resolves when these are all the lines there were. */
function followed(text = '', { from = text.length, copy, isFailing = false }: Options = {}) {
  const folder = join(temporaryDirectory(), 'logs')
  mkdirSync(folder)
  const path = join(folder, 'service.log')
  writeFileSync(path, text)
  if (copy !== undefined) writeFileSync(`${path}.1`, copy)
  const lines: string[] = []
  const ending = new AbortController()
  const over = followLog(path, from, (line) => lines.push(line), ending.signal)
  onEnd(async () => {
    ending.abort()
    await (isFailing ? over.catch(() => undefined) : over)
  })
  const shows = (...all: string[]) =>
    until(`${all.join()} and not ${lines.join()}`, () => lines.length >= all.length).then(() =>
      expect(lines).toEqual(all),
    )
  return { path, lines, shows, ending, over }
}

test('shows what comes, line by line, from where it is told to', async () => {
  const { path, shows } = followed('old\nyoung\n', { from: 4 })
  await shows('young')
  appendFileSync(path, 'one\ntw')
  await shows('young', 'one')
  appendFileSync(path, 'o\n')
  await shows('young', 'one', 'two')
})

test('goes on through a rotation by copy and truncate, and misses none of what it had not read yet', async () => {
  const { path, shows } = followed()
  appendFileSync(path, 'one\n')
  await shows('one')
  const rotated = rotateLog(path, 2)
  appendFileSync(path, 'two\n')
  await rotated
  appendFileSync(path, 'three\n')
  await shows('one', 'two', 'three')
  await rotateLog(path, 2)
  appendFileSync(path, 'four\n')
  await shows('one', 'two', 'three', 'four')
})

test('sees a cut also where as much has come since as there was before', async () => {
  const { path, shows } = followed()
  appendFileSync(path, 'one\n')
  await shows('one')
  // In one turn, in which it cannot look.
  copyFileSync(path, `${path}.1`)
  truncateSync(path)
  appendFileSync(path, 'two\n')
  await shows('one', 'two')
  appendFileSync(path, 'three\n')
  await shows('one', 'two', 'three')
})

test('goes on where the file is moved away and made anew, with what still came into the old one', async () => {
  const { path, shows } = followed()
  appendFileSync(path, 'one\n')
  await shows('one')
  renameSync(path, `${path}.1`)
  appendFileSync(`${path}.1`, 'two\n')
  writeFileSync(path, 'three\n')
  await shows('one', 'two', 'three')
})

test('shows nothing twice when somebody cuts the file, with an old copy beside it', async () => {
  const { path, shows } = followed('a first line\n', { copy: 'a very old line that is long\n' })
  appendFileSync(path, 'one\n')
  await shows('one')
  truncateSync(path)
  appendFileSync(path, 'two\n')
  await shows('one', 'two')
})

test('shows nothing twice when somebody removes the copy', async () => {
  const { path, shows } = followed('', { copy: 'a very old line\n' })
  appendFileSync(path, 'one\n')
  await shows('one')
  rmSync(`${path}.1`)
  appendFileSync(path, 'two\n')
  await shows('one', 'two')
})

test('ends when it is told to', async () => {
  const { ending, over } = followed()
  ending.abort()
  await over
})

test('ends with what keeps it from reading on', async () => {
  const { path, shows, over } = followed('', { isFailing: true })
  appendFileSync(path, 'one\n')
  await shows('one')
  renameSync(path, `${path}.1`)
  mkdirSync(path)
  await expect(over).rejects.toMatchObject({ code: 'EISDIR' })
})
