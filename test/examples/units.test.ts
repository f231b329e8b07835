/** What lies in examples/systemd is what its README would write. */

import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { autoup } from '../cli/terminal.ts'
import { temporaryDirectory } from '../support/master.ts'

const EXAMPLE = join(import.meta.dirname, '../../examples/systemd')

/** Where Node and autoup are is the machine's own, and with it the lines that follow from it. */
function withoutPlaces(text: string): string {
  return text
    .replaceAll(/ \\\n\s*/g, ' ')
    .replaceAll(/\/\S*\/node\S* \/\S*\/autoup\.js/g, 'autoup')
    .replace('PrivateTmp=yes\n', '')
}

test('the units of the example are those that autoup unit writes', async () => {
  const [line = ''] = /^ {4}autoup .*$/m.exec(readFileSync(join(EXAMPLE, 'README.md'), 'utf8')) ?? []
  const folder = join(temporaryDirectory(), 'units')
  mkdirSync(folder)
  // A user that every machine has, for the one that only yours has.
  const words = line.trim().split(' ').slice(1)
  const own = words.map((word) => (word === '/etc/systemd/system' ? folder : word))
  own[own.indexOf('--user') + 1] = 'www-data'
  expect(await autoup(own)).toMatchObject({ code: 0 })
  const files = readdirSync(folder).sort()
  expect(files).toEqual(['app.service', 'app.socket'])
  for (const file of files) {
    const written = readFileSync(join(folder, file), 'utf8').replace('User=www-data', 'User=app')
    expect(withoutPlaces(readFileSync(join(EXAMPLE, file), 'utf8')), file).toBe(withoutPlaces(written))
  }
})
