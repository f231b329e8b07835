/**
 * Archives that mean harm, through a running master and with the real limits: they unpack to far more than they are,
 * hold too much, or reach for what is not theirs. Each is vouched for by its publisher, so it is opened: by the stager.
 * It is refused for good, by its digest and with its reason, and the master's memory does not move.
 */

import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/master.ts'
import { findProgram } from '../support/requirements.ts'
import { pack, type TarEntry, tar, tarBlocks } from '../support/tar.ts'
import { startVictim, sumOf, type Victim } from '../support/victim.ts'
import { zip } from '../support/zip.ts'

const PIECE = 64 * 2 ** 20
const PIECES = 16
const ENTRIES = 10_000_000
const RATIO = /unpacks to more than 200 times its size/
const program = { path: 'app/bin/app', data: '#!/bin/sh\nexit 0\n', mode: 0o755 }

/** Refused for good, with the reason in the answer, the events and the status. */
async function refused(victim: Victim, name: string, bytes: Buffer, reason: RegExp): Promise<void> {
  const since = victim.master.mark()
  victim.offer({ version: '2.0.0', path: `/${name}`, bytes })
  const { code, stderr } = await victim.upgrade()
  expect(stderr, name).toMatch(reason)
  expect(code, name).toBe(5)
  const build = `sha256-${sumOf(bytes)}`
  const event = await victim.master.next('build-refused', { since })
  expect(event).toMatchObject({ build, reason: expect.stringMatching(reason) })
  const { quarantine, current } = await victim.master.status()
  expect(quarantine).toContainEqual(expect.objectContaining({ build, reason: expect.stringMatching(reason) }))
  expect(current).toMatchObject({ version: '1.0.0' })
  await victim.unharmed()
}

/** One GiB of zeros as one file: several members or frames are one. */
function gibibyte(packPiece: (bytes: Buffer) => Buffer): Buffer {
  const piece = packPiece(Buffer.alloc(PIECE))
  return Buffer.concat(Array.from({ length: PIECES }, () => piece))
}

/** A tar that says it holds them as one file, and does. */
function tarOfGibibyte(packPiece: (bytes: Buffer) => Buffer): Buffer {
  const [header] = tarBlocks({ path: 'app/zeros', size: PIECE * PIECES })
  return Buffer.concat([packPiece(header!), gibibyte(packPiece), packPiece(tar(program))])
}

test('threat: a bomb', { timeout: 240_000 }, async () => {
  const victim = await startVictim()
  await refused(victim, 'app.gz', gibibyte(gzipSync), RATIO)
  await refused(victim, 'app.tar.gz', tarOfGibibyte(gzipSync), RATIO)
  for (const [name, ending] of [
    ['xz', 'xz'],
    ['zstd', 'zst'],
  ] as const) {
    if (findProgram(name) === null) continue
    await refused(
      victim,
      `app.tar.${ending}`,
      tarOfGibibyte((bytes) => pack(name, bytes)),
      RATIO,
    )
  }
  await refused(victim, 'app.zip', zip([program, { path: 'app/zeros', data: Buffer.alloc(4 * PIECE) }]), RATIO)
  // "A better zip bomb" (Fifield 2019): many names for one body.
  const shared = Array.from({ length: 100 }, (_, at) => ({ path: `f${at}`, data: 'x', central: { offset: 0 } }))
  await refused(victim, 'overlap.zip', zip(shared), /overlaps another|another on itself/)
  await victim.goesOn()
})

test('threat: ten million entries', { timeout: 240_000 }, async () => {
  const victim = await startVictim()
  const [block] = tarBlocks({ path: './', type: 'Directory' })
  const some = ENTRIES / 100
  const member = gzipSync(Buffer.concat(Array.from({ length: some }, () => block!)))
  const many = Buffer.concat([...Array.from({ length: 100 }, () => member), gzipSync(tar(program))])
  await refused(victim, 'app.tar.gz', many, /holds more than 100000 entries/)
  await refused(victim, 'app.zip', zip([program], { count: ENTRIES, isZip64: true }), /more than 100000 entries/)
  await victim.goesOn()
})

test('threat: an archive that says it is more than a build may be', async () => {
  const victim = await startVictim()
  const large = /is over 8\.6 GB unpacked/
  // No byte of it has to come.
  await refused(victim, 'one.tar', tar(program, { path: 'app/zeros', size: 2 ** 33 - 1 }), large)
  const links = Array.from({ length: 8_192 }, (_, at) => ({
    path: `app/${at}`,
    type: 'Link' as const,
    linkpath: 'app/noise',
  }))
  const noise = { path: 'app/noise', data: randomBytes(2 ** 20) }
  await refused(victim, 'links.tar.gz', gzipSync(tar(program, noise, ...links)), large)
  await victim.goesOn()
})

test('threat: an archive that reaches out of itself', { timeout: 240_000 }, async () => {
  const outside = join(temporaryDirectory(), 'victim')
  const victim = await startVictim()
  const cases: [string, TarEntry[], RegExp][] = [
    ['an absolute path', [{ path: outside, data: 'x' }], /whose name is an absolute path/],
    ['a path with ..', [{ path: `app/../../../../..${outside}`, data: 'x' }], /whose name leads out of it/],
    ['a link out', [{ path: 'app/link', type: 'SymbolicLink', linkpath: outside }], /holds the link 'link', which/],
    [
      'a file through a link',
      [
        { path: 'app/link', type: 'SymbolicLink', linkpath: '..' },
        { path: 'app/link/victim', data: 'x' },
      ],
      /inside something that is no folder/,
    ],
    ['a hard link out', [{ path: 'app/hard', type: 'Link', linkpath: '/etc/passwd' }], /which is no file of it/],
    ['a device', [{ path: 'app/null', type: 'CharacterDevice' }], /of a kind that a build must not have/],
    ['a pipe', [{ path: 'app/pipe', type: 'FIFO' }], /of a kind that a build must not have/],
    ['a name twice', [program], /twice/],
  ]
  for (const [, entries, reason] of cases) await refused(victim, 'app.tar', tar(program, ...entries), reason)
  expect(existsSync(outside)).toBe(false)
  await victim.goesOn()
})
