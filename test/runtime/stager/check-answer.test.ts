import { expect, test } from 'vitest'
import { checkAnswer } from '../../../src/runtime/stager/check-answer.ts'

const release = { version: '1.0.0', name: 'app', size: null, digest: null, ordered: true }
const answer = (more: object): unknown => ({ kind: 'release', release: { ...release, ...more }, known: { etag: 'x' } })

test.each([
  ['a release', answer({})],
  [
    'a release with all there is',
    answer({
      size: 0,
      digest: `sha256-${'a'.repeat(64)}`,
      executable: true,
      siblings: ['SHA256SUMS'],
      isTree: false,
      entries: ['node_modules/.bin/app'],
      proofs: ['npm-signature', 'npm-integrity', 'cdn-digest'],
      publishedAt: '2026-01-01T00:00:00Z',
      detail: { any: ['thing'] },
    }),
  ],
  ['null for what is known', { ...(answer({}) as object), known: null }],
  ['unchanged', { kind: 'unchanged' }],
  ['unchanged, with something to remember', { kind: 'unchanged', known: [1], waitMs: 5 }],
  ['incomplete', { kind: 'incomplete', message: 'not there yet' }],
  ['nothing for this platform', { kind: 'nothing-for-this-platform', message: 'only for plan9', known: 'x' }],
])('%s is taken as it is', (_, value) => {
  expect(checkAnswer('./x.js', value)).toEqual(value)
})

test('what is in it beyond that is left out', () => {
  expect(checkAnswer('./x.js', { ...(answer({ color: 'red' }) as object), more: 1 })).toEqual(answer({}))
})

const circular: Record<string, unknown> = {}
circular.self = circular

test.each<[string, unknown, RegExp]>([
  ['nothing', undefined, /the answer is missing|the answer is undefined/],
  ['null', null, /the answer is null/],
  ['a text', 'release', /the answer is "release"/],
  ['a kind of its own', { kind: 'maybe' }, /kind is "maybe", and not/],
  ['a release that is none', { kind: 'release', release: null, known: 1 }, /release is null/],
  ['no version', answer({ version: undefined }), /release\.version is missing/],
  ['a version that is a number', answer({ version: 2 }), /release\.version is 2, and not string/],
  ['an empty version', answer({ version: '' }), /release\.version is empty/],
  ['a version in colors', answer({ version: '1\u001b[31m' }), /release\.version has control characters/],
  ['a version without end', answer({ version: '1'.repeat(1e6) }), /release\.version is longer than 200 letters/],
  ['no word on the order', answer({ ordered: undefined }), /release\.ordered is missing/],
  ['a negative size', answer({ size: -1 }), /release\.size is negative/],
  ['half a byte', answer({ size: 0.5 }), /release\.size is no number of bytes/],
  ['a size that is none', answer({ size: Number.NaN }), /release\.size/],
  ['another digest', answer({ digest: 'md5-1234' }), /release\.digest is not sha256- and 64 hex digits/],
  ['a proof that is autoup’s own', answer({ proofs: ['minisign'] }), /release\.proofs\.0 is no proof/],
  ['a pin', answer({ proofs: ['sha256'] }), /release\.proofs\.0 is no proof/],
  ['an entry outside', answer({ entries: ['../bin/sh'] }), /release\.entries\.0 is no path in a tree/],
  ['an absolute entry', answer({ entries: ['/bin/sh'] }), /release\.entries\.0 is no path in a tree/],
  ['a time that is none', answer({ publishedAt: 'yesterday' }), /release\.publishedAt is no time/],
  ['nothing to remember', { kind: 'release', release }, /known is missing/],
  ['what JSON cannot say', { kind: 'release', release, known: circular }, /known cannot be remembered/],
  ['a function', { kind: 'release', release, known: () => 1 }, /known cannot be remembered/],
  ['more than fits', { kind: 'release', release, known: 'x'.repeat(200_000) }, /known cannot be remembered/],
  [
    'what is nested without end',
    { kind: 'release', release, known: JSON.parse('['.repeat(3_000) + ']'.repeat(3_000)) },
    /known cannot be remembered: .* 32 levels deep/,
  ],
  ['a name that is turned around', answer({ name: 'app\u202egz.sh' }), /release\.name has control characters/],
  ['no message', { kind: 'incomplete' }, /message is missing/],
])('%s is no answer, and the sentence says where', (_, value, message) => {
  // The options of a plugin may hold a secret.
  expect(() => checkAnswer('./x.js?key=a', value)).toThrow(message)
  expect(() => checkAnswer('./x.js?key=a', value)).toThrow(/^the fetcher of \.\/x\.js\?… answered what is no release: /)
})
