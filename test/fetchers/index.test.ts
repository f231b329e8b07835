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

test.each(['file:', 'app', '/srv/no-such-folder/app', 'ftp://x/y', 'toString:x', 'file://host/x', '', 'FILE:x'])(
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

test.each([
  'github.com/org/app',
  'https://github.com/org/app',
  'https://github.com/org/app/releases/latest',
  'https://github.com/org/app.git',
  'git@github.com:org/app.git',
  'ssh://git@github.com/org/app',
])('of %s, which is a repository, the one form that fits is named', async (spec) => {
  await expect(fetcherFor(spec)).rejects.toMatchObject({
    code: 'usage',
    message: `'${spec}' names a repository: write github:org/app`,
  })
})

test('org/app may be either', async () => {
  await expect(fetcherFor('org/app')).rejects.toThrow(
    "'org/app' names a repository: write github:org/app, or file:org/app for a path",
  )
})

test('a file of a release is a file as any other', async () => {
  const spec = 'https://github.com/org/app/releases/download/v1.0.0/app.tar.gz'
  expect(await fetcherFor(spec)).toMatchObject({ fetcher: { scheme: 'https' } })
})

test('what follows an npm package is a range or a tag, which is looked at before anything is asked', async () => {
  expect(await fetcherFor('npm:@team/app@^1.2')).toMatchObject({ location: '@team/app@^1.2' })
  await expect(fetcherFor('npm:@team/app@1,2')).rejects.toMatchObject({
    code: 'usage',
    message: "'1,2' is neither a range of versions nor a tag: write npm:@team/app@^1.2 or @next",
  })
})
