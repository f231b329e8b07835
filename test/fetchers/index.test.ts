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
