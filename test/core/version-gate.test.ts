import fc from 'fast-check'
import semver from 'semver'
import { describe, expect, test } from 'vitest'
import { ageProblem, type FloorRule, floorProblem, parseWanted, wantedProblem } from '../../src/core/version-gate.ts'

const A = `sha256-${'a'.repeat(64)}`
const B = `sha256-${'b'.repeat(64)}`
const RULE: FloorRule = { allowDowngrade: false, pinned: null }

function gate(
  version: string,
  floor: string | null,
  {
    rule = {} as Partial<FloorRule>,
    ordered = true,
    digest = null as string | null,
    build = null as string | null,
  } = {},
) {
  const below = floor === null ? null : { version: floor, build }
  return floorProblem({ version, ordered, digest }, below, { ...RULE, ...rule })
}

describe('the version floor', () => {
  test.each([
    ['1.2.0', null],
    ['1.2.0', '1.2.0'],
    ['v1.2.0', '1.2.0'],
    ['1.2.1', '1.2.0'],
    ['1.10.0', '1.9.0'],
    ['1.2.0', '1.2.0-rc.1'],
    ['2.0.0-rc.1', '1.9.0'],
    ['1.2.0', '3f3f3f3f3f3f'],
  ])('%s over %s passes', (version, floor) => {
    expect(gate(version, floor)).toBeNull()
  })

  test.each([
    ['1.1.9', '1.2.0'],
    ['1.9.0', '1.10.0'],
    ['1.2.0-rc.1', '1.2.0'],
    ['v1.1.0', 'v1.2.0'],
  ])('threat: an old release offered as the new one (%s below %s)', (version, floor) => {
    expect(gate(version, floor)).toBe(
      `${version} is lower than ${floor}, which has been in service: give --allow-downgrade to go back`,
    )
    expect(gate(version, floor, { rule: { allowDowngrade: true } })).toBeNull()
  })

  test('threat: a name that is no version does not go round the floor', () => {
    for (const version of ['latest', '', '1.2', '99999999999999999999.0.0', '9.9.9 ', 'x'.repeat(300)]) {
      if (semver.valid(version) !== null) continue
      expect(gate(version, '1.2.0')).toMatch(/is no version \(semver/)
    }
  })

  test('a source without an order has no floor', () => {
    expect(gate('3f3f3f3f3f3f', '1.2.0', { ordered: false })).toBeNull()
  })

  test('threat: other bytes under the version in service', () => {
    const digests = { digest: A, build: B }
    expect(gate('1.2.0', '1.2.0', digests)).toBe(
      '1.2.0 is in service with other bytes: publish them under a new version, or give their digest with --sha256',
    )
    expect(gate('v1.2.0', '1.2.0', digests)).not.toBeNull()
    expect(gate('1.2.0', '1.2.0', { digest: A, build: A })).toBeNull()
    expect(gate('1.2.0', '1.2.0', { digest: A })).toBeNull()
    expect(gate('1.2.0', '1.2.0', { build: B })).toBeNull()
    expect(gate('1.2.1', '1.2.0', digests)).toBeNull()
    expect(gate('1.2.0+2', '1.2.0+1', digests)).toBeNull()
  })

  test('whoever names their digest, or allows the downgrade, gets other bytes', () => {
    const digests = { digest: A, build: B }
    expect(gate('1.2.0', '1.2.0', { ...digests, rule: { pinned: A.slice(7) } })).toBeNull()
    expect(gate('1.2.0', '1.2.0', { ...digests, rule: { pinned: B.slice(7) } })).not.toBeNull()
    expect(gate('1.2.0', '1.2.0', { ...digests, rule: { allowDowngrade: true } })).toBeNull()
    expect(gate('1.1.0', '1.2.0', { ...digests, rule: { pinned: A.slice(7) } })).not.toBeNull()
  })

  test('what passes is never lower, whatever is offered', () => {
    const part = fc.nat(12)
    const version = fc
      .tuple(part, part, part, fc.constantFrom('', '-rc.1', '-rc.2', '+b', '-next.3+b'))
      .map(([major, minor, patch, rest]) => `${major}.${minor}.${patch}${rest}`)
    fc.assert(
      fc.property(fc.oneof(version, fc.string()), version, (offered, floor) => {
        if (gate(offered, floor) === null) expect(semver.gte(offered, floor)).toBe(true)
        else expect(semver.valid(offered) === null || semver.lt(offered, floor)).toBe(true)
      }),
    )
  })
})

describe('ranges and channels', () => {
  test.each([
    [null, { kind: 'highest' }],
    ['latest', { kind: 'highest' }],
    ['^1.2', { kind: 'range', range: '>=1.2.0 <2.0.0-0' }],
    ['1.x', { kind: 'range', range: '>=1.0.0 <2.0.0-0' }],
    ['1.2.3', { kind: 'range', range: '1.2.3' }],
    ['v1', { kind: 'range', range: '>=1.0.0 <2.0.0-0' }],
    ['*', { kind: 'range', range: '*' }],
    ['next', { kind: 'channel', channel: 'next' }],
  ])('%s is understood', (text, wanted) => {
    expect(parseWanted(text)).toEqual(wanted)
  })

  test.each(['', ' ', '^', 'not a range', '@1', '1.2.3.4', '../x'])('%j is a mistake in the usage', (text) => {
    expect(() => parseWanted(text)).toThrow(expect.objectContaining({ code: 'usage' }))
  })

  test.each([
    ['1.2.0', null, false],
    ['1.3.0', '^1.2', false],
    ['2.0.0', 'next', false],
    ['2.0.0-next', 'next', false],
    ['2.0.0-next.3', 'next', false],
    ['2.0.0-next3', 'next', false],
    ['2.0.0-rc.1', null, true],
    ['1.3.0-rc.1', '^1.2', true],
    ['1.2.0-rc.1', '1.2.0-rc.1', false],
    ['1.2.0-rc.2', '>=1.2.0-rc.1', false],
  ])('%s is taken where %s is asked for (prerelease: %s)', (version, wanted, prerelease) => {
    expect(wantedProblem(version, parseWanted(wanted), { prerelease })).toBeNull()
  })

  test.each([
    ['2.0.0-rc.1', null, false, '2.0.0-rc.1 is a prerelease, and not asked for'],
    ['2.0.0-nextest.1', 'next', false, '2.0.0-nextest.1 is a prerelease, and not of the channel next'],
    ['2.0.0-0', 'next', false, '2.0.0-0 is a prerelease, and not of the channel next'],
    ['2.0.0', '^1.2', false, '2.0.0 is not in >=1.2.0 <2.0.0-0'],
    ['1.3.0-rc.1', '^1.2', false, '1.3.0-rc.1 is not in >=1.2.0 <2.0.0-0'],
    ['2.0.0-rc.1', '^1.2', true, '2.0.0-rc.1 is not in >=1.2.0 <2.0.0-0'],
    ['nightly', null, true, 'nightly is no version'],
  ])('%s is left where %s is asked for (prerelease: %s)', (version, wanted, prerelease, problem) => {
    expect(wantedProblem(version, parseWanted(wanted), { prerelease })).toBe(problem)
  })
})

describe('the age of a release', () => {
  const HOUR = 3_600_000
  const NOW = 1_800_000_000_000

  test('threat: a release that was published a moment ago by whoever stole the account', () => {
    expect(ageProblem('1.2.0', NOW - HOUR, 48 * HOUR, NOW)).toEqual({
      message: '1.2.0 is 60 min old, and --min-age asks for 48 h',
      waitMs: 47 * HOUR,
    })
  })

  test('threat: a time in the future makes a release no older', () => {
    expect(ageProblem('1.2.0', NOW + HOUR, HOUR, NOW)).toEqual({
      message: '1.2.0 is published in the future, and --min-age asks for 60 min',
      waitMs: 2 * HOUR,
    })
  })

  test.each([null, Number.NaN, Number.POSITIVE_INFINITY])('threat: a time that is not told (%s) is no age', (at) => {
    expect(ageProblem('1.2.0', at, HOUR, NOW)).toEqual({
      message: 'the source does not say how old 1.2.0 is, and --min-age asks for 60 min',
      waitMs: null,
    })
  })

  test('is enough from the first moment on, and where none is asked for', () => {
    expect(ageProblem('1.2.0', NOW - HOUR, HOUR, NOW)).toBeNull()
    expect(ageProblem('1.2.0', null, 0, NOW)).toBeNull()
  })
})
