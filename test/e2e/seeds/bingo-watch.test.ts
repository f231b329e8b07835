/** What `bingo watch` promises, kept by `autoup dev`: a tree that is followed, at most one restart for a burst. */

import { expect, test } from 'vitest'
import { startDev } from '../../support/dev.ts'
import { plainText } from '../../support/plain-app.ts'
import { until } from '../../support/until.ts'

test('a burst of 50 writes is one swap', async () => {
  const dev = await startDev()
  await dev.master.next('worker-ready')
  const since = dev.master.mark()
  // On a busy machine the writer itself would be held up in the middle: they are all there when the master looks.
  dev.master.signal('SIGSTOP')
  for (let n = 0; n < 49; n++) dev.write(`lib/${n}.js`, `// ${n}`)
  dev.write('server.js', plainText({ version: '2' }))
  dev.master.signal('SIGCONT')
  expect(await dev.changed(since)).toMatchObject({ count: 50 })
  await dev.master.next('promotion-ready', { since })
  await until('the new one answers', async () => (await dev.ask()).version === '2')
  // What follows is told after all that the burst could still have caused.
  const later = dev.master.mark()
  dev.write('last.js', '')
  expect(await dev.changed(later)).toMatchObject({ paths: ['last.js'], count: 1 })
  const started = dev.master.events.slice(since, later).filter(({ type }) => type === 'worker-started')
  expect(started, dev.master.story()).toHaveLength(1)
})

test('a folder that is new is followed', async () => {
  const dev = await startDev()
  await dev.master.next('worker-ready')
  for (const text of ['one', 'two']) {
    const since = dev.master.mark()
    dev.write('fresh/deep/a.txt', text)
    expect(await dev.changed(since)).toMatchObject({ paths: ['fresh/deep/a.txt'], count: 1 })
    await dev.master.next('promotion-ready', { since })
  }
})

test('an ignored path is silent, and so is a pid file, also of the app itself', async () => {
  const dev = await startDev({
    files: { '.gitignore': 'cache/\n' },
    server: plainText({ first: "require('node:fs').writeFileSync('app.pid', String(process.pid))" }),
    args: () => ['--ignore', '*.csv'],
  })
  await dev.master.next('worker-ready')
  const since = dev.master.mark()
  for (const name of ['cache/a.js', 'report.csv', 'other.pid', 'node_modules/x/index.js']) dev.write(name, 'x')
  dev.write('seen.js', '')
  expect(await dev.changed(since)).toMatchObject({ paths: ['seen.js'], count: 1 })
  await dev.master.next('promotion-ready', { since })
  expect(dev.master.events.slice(0, since).filter(({ type }) => type === 'files-changed')).toEqual([])
})
