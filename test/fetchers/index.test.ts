import { expect, test } from 'vitest'
import { fetcherFor } from '../../fetchers/index.ts'

test.each([
  ['file:/srv/app', '/srv/app'],
  ['file:app', `${process.cwd()}/app`],
  ['file:./dist/../app', `${process.cwd()}/app`],
  ['file:///srv/a%20b', '/srv/a b'],
])('%s is the file %s', async (spec, location) => {
  expect(await fetcherFor(spec)).toMatchObject({ location, fetcher: { scheme: 'file', intervalMs: 1_000 } })
})

test.each(['file:', 'app', '/srv/app', 'ftp://x/y', 'toString:x', 'file://host/x', '', 'FILE:x'])(
  '%j is no source, and the forms are named',
  async (spec) => {
    await expect(fetcherFor(spec)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('file:PATH'),
    })
  },
)

test.each(['package.json', './fetchers'])('of %s, which is a path, the one form that fits is named', async (spec) => {
  await expect(fetcherFor(spec)).rejects.toMatchObject({
    code: 'usage',
    message: `'${spec}' is a path and no release source: write file:${spec}`,
  })
})

test('what follows an npm package is a range or a tag, which is looked at before anything is asked', async () => {
  expect(await fetcherFor('npm:@team/app@^1.2')).toMatchObject({ location: '@team/app@^1.2' })
  await expect(fetcherFor('npm:@team/app@1,2')).rejects.toMatchObject({
    code: 'usage',
    message: "'1,2' is neither a range of versions nor a tag: write npm:@team/app@^1.2 or @next",
  })
})
