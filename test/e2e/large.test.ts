/**
 * A large archive through a running master: 200 MB, downloaded, verified, unpacked, sealed and put into service, while
 * the master's memory stays where it was. What it costs in time is measured in bench/.
 */

import { execFileSync } from 'node:child_process'
import { createHash, randomFillSync } from 'node:crypto'
import { createReadStream, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask } from '../support/ask.ts'
import { directory, nodeServer } from '../support/builds.ts'
import { temporaryDirectory } from '../support/master.ts'
import { memoryOf } from '../support/processes.ts'
import { forgetPeak, MEMORY_GROWTH, peakOf, startVictim } from '../support/victim.ts'

const FILES = 20
const FILE_BYTES = 10_000_000

/** Half noise, half repetition. */
async function largeArchive(version: string): Promise<{ path: string; size: number; sha256: string }> {
  const work = temporaryDirectory()
  const path = join(work, 'app.tar.gz')
  directory(nodeServer({ version }))(join(work, 'app'))
  mkdirSync(join(work, 'app/data'))
  const bytes = Buffer.alloc(FILE_BYTES, 'autoup ')
  for (let number = 0; number < FILES; number++) {
    randomFillSync(bytes, 0, FILE_BYTES / 2)
    writeFileSync(join(work, `app/data/${number}`), bytes)
  }
  execFileSync('sh', ['-c', 'tar -C "$0" -cf - app | gzip -1 > "$1"', work, path])
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer)
  return { path, size: statSync(path).size, sha256: hash.digest('hex') }
}

test('the memory of the master is unmoved while 200 MB are verified and staged', { timeout: 240_000 }, async () => {
  const large = await largeArchive('large')
  const victim = await startVictim()
  const { master } = victim
  // The first upgrade brings in what every upgrade needs.
  await victim.goesOn()
  const before = memoryOf(master.pid)
  forgetPeak(master.pid)
  const { size, sha256 } = large
  victim.offer({ version: '100.0.0', sha256, size }, ({ method }, response) => {
    response.setHeader('etag', `"${sha256}"`).setHeader('content-length', size)
    if (method === 'HEAD') response.end()
    else createReadStream(large.path).pipe(response)
  })
  const { code, stderr } = await master.cli('upgrade')
  expect(code, stderr).toBe(0)
  expect(await ask(victim.port)).toMatchObject({ version: 'large' })
  const growth = peakOf(master.pid) - before
  expect(growth).toBeLessThan(MEMORY_GROWTH)
})
