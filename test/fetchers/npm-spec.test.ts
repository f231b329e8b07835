import fc from 'fast-check'
import semver from 'semver'
import { expect, test } from 'vitest'
import { splitNpmLocation } from '../../fetchers/npm/location.ts'
import { chooseVersion, parseNpmSpec } from '../../fetchers/npm/spec.ts'

const THERE = ['1.0.0', '1.4.0', '2.0.0', '2.1.0-beta.1', '1.4.2', 'not-a-version']

function choose(location: string, deprecated: readonly string[] = []): string {
  return chooseVersion(parseNpmSpec(location), {
    tags: { latest: '2.0.0', next: '2.1.0-beta.1' },
    versions: THERE.map((version) => ({ version, isDeprecated: deprecated.includes(version) })),
  })
}

test.each([
  ['app', '2.0.0'],
  ['@scope/app', '2.0.0'],
  ['app@latest', '2.0.0'],
  ['app@^1', '1.4.2'],
  ['app@1.x', '1.4.2'],
  ['app@~1.0', '1.0.0'],
  ['app@>=1 <2', '1.4.2'],
  ['app@1 || 2', '2.0.0'],
  ['app@*', '2.0.0'],
  ['app@=1.4.0', '1.4.0'],
  ['app@v1.4.0', '1.4.0'],
  ['app@next', '2.1.0-beta.1'],
  ['app@^2.1.0-beta.0', '2.1.0-beta.1'],
  ['app@>=2', '2.0.0'],
])('%s is %s', (location, version) => {
  expect(choose(location)).toBe(version)
})

test('a deprecated version counts only where it is the only match, or named', () => {
  expect(choose('app@^1', ['1.4.2'])).toBe('1.4.0')
  expect(choose('app@1.4.2', ['1.4.2'])).toBe('1.4.2')
  expect(choose('app@~1.0', ['1.0.0'])).toBe('1.0.0')
})

test.each([
  '',
  '@scope',
  '@scope/',
  'a b',
  '../etc',
  'app@git+ssh://x/y',
  'app@file:..',
  'app@github:a/b',
  'https://x/y.tgz',
  '.hidden',
  'a'.repeat(215),
])('%j names no package', (location) => {
  expect(() => splitNpmLocation(location)).toThrow(/names no npm package: write npm:NAME/)
})

test('what is a parameter elsewhere is told from a name', () => {
  expect(() => splitNpmLocation('app@^1?prerelease=1')).toThrow(
    /npm: takes no parameters: a prerelease is .* \(@next\)/,
  )
})

test.each(['app@^^1', 'app@!', 'app@-x'])('%s is neither a range nor a tag', (location) => {
  expect(() => parseNpmSpec(location)).toThrow(/is neither a range of versions nor a tag: write npm:app@/)
})

test('a range is the highest release in it, whatever order they are listed in', () => {
  const version = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)).map((parts) => parts.join('.'))
  const range = fc.tuple(fc.constantFrom('^', '~', '>=', '<='), version).map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.array(version, { minLength: 1 }), range, (there, wanted) => {
      const versions = there.map((each) => ({ version: each, isDeprecated: false }))
      const inside = there.filter((each) => semver.satisfies(each, wanted))
      const chosen = () =>
        chooseVersion({ name: 'app', wanted: { kind: 'range', range: wanted } }, { tags: {}, versions })
      if (inside.length === 0) expect(chosen).toThrow('no version of app satisfies')
      else expect(inside.every((each) => semver.lte(each, chosen()))).toBe(true)
    }),
  )
})
