import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeEach, expect, test } from 'vitest'
import { kindByName, kindOf, unpackedName } from '../../src/trust/kinds.ts'
import { temporaryFolder } from '../support/stores.ts'
import { tar } from '../support/tar.ts'

let folder: string

beforeEach(async () => {
  folder = await temporaryFolder()
})

const packed = gzipSync(tar({ path: 'x', data: 'x' }))
const XZ = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0])
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0])

function kind(name: string, bytes: string | Buffer): ReturnType<typeof kindOf> {
  writeFileSync(join(folder, 'file'), bytes)
  return kindOf(name, join(folder, 'file'))
}

test.each<[string, string | Buffer, string, string | null]>([
  ['app.tar.gz', packed, 'tar', 'gzip'],
  ['APP.TGZ', packed, 'tar', 'gzip'],
  ['app.tar', tar({ path: 'x' }), 'tar', null],
  ['app.tar.xz', XZ, 'tar', 'xz'],
  ['app.txz', XZ, 'tar', 'xz'],
  ['app.tar.zst', ZSTD, 'tar', 'zstd'],
  ['app.tzst', ZSTD, 'tar', 'zstd'],
  ['app.tar.bz2', 'BZh9', 'tar', 'bzip2'],
  ['app.zip', 'PK\u0003\u0004', 'zip', null],
  ['app.gz', gzipSync('text'), 'single', 'gzip'],
  ['app.xz', XZ, 'single', 'xz'],
  ['app.zst', ZSTD, 'single', 'zstd'],
  ['app', '#!/bin/sh\n', 'single', null],
  // Named after its packer alone.
  ['app.gz', packed, 'tar', 'gzip'],
  // A name that says nothing: `current` may be a link to an archive.
  ['current', packed, 'tar', 'gzip'],
  ['current', tar({ path: 'x' }), 'tar', null],
  ['current', gzipSync('text'), 'single', null],
  // Programs for a runtime, not archives.
  ['app.jar', 'PK\u0003\u0004', 'single', null],
  ['app.pyz', 'PK\u0003\u0004', 'single', null],
])('%s that begins as it should is of its kind', (name, bytes, form, compression) => {
  expect(kind(name, bytes)).toEqual({ kind: { form, compression } })
})

test.each(['app.7z', 'app.rar', 'app.tar.lz4'])('%s is not understood, and says what it is', (name) => {
  expect(kind(name, 'x')).toEqual({ problem: expect.stringMatching(/^is not understood: \S/) })
  expect(kindByName(name)).toBeNull()
})

test.each<[string, string | Buffer, RegExp]>([
  ['app.tar.gz', 'text', /is named \.tar\.gz and is no gzip data/],
  ['app.tgz', '', /is empty/],
  ['app.tar', packed, /is named \.tar and is gzip data/],
  ['app.tar.xz', packed, /no xz data/],
  ['app.zst', XZ, /no zstd data/],
  ['app.zip', packed, /no zip data/],
  // A program that carries a zip is one that unpacks itself.
  ['app.zip', '#!/bin/sh\nPK\u0003\u0004', /no zip data/],
])('%s with other bytes is refused', (name, bytes, why) => {
  expect(kind(name, bytes)).toEqual({ problem: expect.stringMatching(why) })
})

test('a single packed file is called as its archive, without the ending', () => {
  expect(unpackedName('app-1.0_linux.gz')).toBe('app-1.0_linux')
  expect(unpackedName('App.XZ')).toBe('App')
  expect(unpackedName('app')).toBe('app')
})
