import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  canonicalForm,
  formatManifest,
  MANIFEST_ENTRIES,
  type ManifestEntry,
  parseManifest,
  sortEntries,
  totalsOf,
} from '../../src/core/manifest.ts'

const sha256 = 'a'.repeat(64)
const file: ManifestEntry = {
  kind: 'file',
  path: 'bin/app',
  executable: true,
  size: 12,
  sha256,
  seen: { mtimeNs: '1', ctimeNs: '2', inode: '3' },
}
const entries: ManifestEntry[] = [
  file,
  { kind: 'directory', path: 'bin' },
  { kind: 'link', path: 'app', target: 'bin/app' },
]

test('is written in the order of the paths, one line each', () => {
  expect(formatManifest(entries)).toBe(`l\tapp\tbin/app\nd\tbin\nf\tbin/app\tx\t12\t${sha256}\t1\t2\t3\n`)
})

test('its canonical form does not know times, inodes or the order it was given in', () => {
  const other = [{ ...file, seen: null }, ...entries.slice(1)].reverse()
  expect(canonicalForm(other)).toBe(canonicalForm(entries))
})

test.each([
  ['the size', { ...file, size: 13 }],
  ['the execute bit', { ...file, executable: false }],
  ['the bytes', { ...file, sha256: 'b'.repeat(64) }],
  ['the path', { ...file, path: 'bin/app2' }],
])('its canonical form differs with %s', (_, changed) => {
  expect(canonicalForm([changed])).not.toBe(canonicalForm([file]))
})

test('what was written is read back', () => {
  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    .filter((text) => !/[\p{Cc}\uFFFD]/u.test(text))
  const entry = fc.oneof(
    fc.record({ kind: fc.constant('directory' as const), path: name }),
    fc.record({ kind: fc.constant('link' as const), path: name, target: name }),
    fc.record({
      kind: fc.constant('file' as const),
      path: name,
      executable: fc.boolean(),
      size: fc.nat(),
      sha256: fc.constant(sha256),
      seen: fc.option(fc.constant({ mtimeNs: '-5', ctimeNs: '1700000000000000000', inode: '18446744073709551615' })),
    }),
  )
  fc.assert(
    fc.property(fc.uniqueArray(entry, { selector: ({ path }) => path }), (list) => {
      expect(parseManifest(formatManifest(list))).toEqual(sortEntries(list))
    }),
  )
})

test.each([
  'x',
  'd\n',
  'd\ta\tb\n',
  'f\ta\tx\t1\tabc\n',
  `f\ta\tx\t-1\t${sha256}\n`,
  `f\ta\tx\t1\t${sha256}\t1\n`,
  'l\ta\n',
  'd\ta',
])('%j is no manifest', (text) => {
  expect(parseManifest(text)).toBeNull()
})

test('is summed up', () => {
  expect(totalsOf(entries)).toEqual({ files: 1, directories: 1, links: 1, bytes: 12 })
})

test('is none with more entries than any build has', () => {
  const lines = 'd\tx\n'.repeat(MANIFEST_ENTRIES)
  expect(parseManifest(lines)).toHaveLength(MANIFEST_ENTRIES)
  expect(parseManifest(`${lines}d\tx\n`)).toBeNull()
})
