import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { matcher } from '../../fetchers/github/asset.ts'
import { parseGithubLocation } from '../../fetchers/github/location.ts'
import { fetcherFor } from '../../fetchers/index.ts'
import { cpuMsOf } from '../support/cpu.ts'

const PLAIN = { owner: 'org', repo: 'app', wanted: null, asset: null, prerelease: false, tagPrefix: null }

test.each([
  ['org/app', {}],
  ['Org-1/My.App_2', { owner: 'Org-1', repo: 'My.App_2' }],
  ['org/app@^1.2', { wanted: '^1.2' }],
  ['org/app@>=1||2.x', { wanted: '>=1||2.x' }],
  ['org/app@next?prerelease', { wanted: 'next', prerelease: true }],
  ['org/app?prerelease=no', {}],
  ['org/app?tag-prefix=app@', { tagPrefix: 'app@' }],
  ['org/app?tag-prefix=packages%2Fapp%2Fv', { tagPrefix: 'packages/app/v' }],
  ['org/app@1.x?asset=app-*+musl.tar.gz&prerelease=1', { wanted: '1.x', asset: 'app-*+musl.tar.gz', prerelease: true }],
])('github:%s', async (text, parts) => {
  expect(parseGithubLocation(text)).toEqual({ ...PLAIN, ...parts })
  expect(await fetcherFor(`github:${text}`)).toMatchObject({ location: text, fetcher: { scheme: 'github' } })
})

test.each([
  '',
  'org',
  'org/',
  '/app',
  'org/app/x',
  'org/..',
  'org/.',
  '../app',
  'org/app@',
  'org/a b',
  'org/app%2F..',
  'o\0/app',
  '-org/app',
  'org/app?asset=',
  'org/app?what=1',
  'org/app?prerelease=maybe',
  'org/app?asset=a&asset=b',
  `org/${'a'.repeat(101)}`,
  `org/app@${'1'.repeat(300)}`,
])('github:%j names nothing, and the form is shown', async (text) => {
  await expect(fetcherFor(`github:${text}`)).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringMatching(/^[^\p{Cc}]*github:owner\/repo\[@range\]/u),
  })
})

test.each(['1,2', '^^1', '1.2.3.4', '^1 oder 2', '>'])(
  'github:org/app@%s asks for no version there could be, which is said at the start',
  async (text) => {
    await expect(fetcherFor(`github:org/app@${text}`)).rejects.toMatchObject({
      code: 'usage',
      message: `'${text}' is neither a range of versions nor a channel: write @^1.2, @1.x or @next`,
    })
  },
)

describe('a glob', () => {
  test.each([
    ['app', 'app', true],
    ['app', 'app2', false],
    ['*', '', true],
    ['a*p', 'ap', true],
    ['a*p*', 'a-pp-x', true],
    ['*.tar.gz', 'app.tar.gz.sha256', false],
    ['app-?', 'app-', false],
    ['a.p', 'aXp', false],
  ])('%s and %s', (glob, name, matches) => {
    expect(matcher(glob)(name)).toBe(matches)
  })

  test('means what the regular expression means', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 12 })
    fc.assert(
      fc.property(text, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 }), (glob, name) => {
        const pattern = new RegExp(`^${glob.replaceAll('?', '.').replaceAll('*', '.*')}$`)
        expect(matcher(glob)(name)).toBe(pattern.test(name))
      }),
    )
  })

  test('takes no time to speak of', async () => {
    const took = await cpuMsOf(() => {
      expect(matcher('a*'.repeat(100))(`${'a'.repeat(200)}b`.repeat(2))).toBe(true)
      expect(matcher(`${'a*'.repeat(99)}x`)('a'.repeat(255))).toBe(false)
    })
    expect(took).toBeLessThan(500)
  })
})
