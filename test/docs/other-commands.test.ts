/**
 * Every command line of the documentation that is not `autoup …` is run by a test, which is named here: a line that is
 * new belongs into one, or is among the few that no test can run, each with the reason.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { PAGES, shellLines } from './pages.ts'

const ROOT = join(import.meta.dirname, '../..')

type Page = string
type Test = string

const RUN_BY: Readonly<Record<Page, Readonly<Record<Test, readonly string[]>>>> = {
  'README.md': {
    'test/e2e/documented-commands.test.ts': ['kill -USR2 <pid>'],
    'test/e2e/quick-start.test.ts': [
      'npm run demo',
      'npm ci && npm run build && npm link',
      'cp examples/node-server/server.mjs hello.mjs',
      'curl localhost:8080',
      `sed "s/VERSION = '1'/VERSION = '2'/" hello.mjs > next && chmod +x next && mv next hello.mjs`,
      'curl localhost:8080',
    ],
  },
  'CONTRIBUTING.md': {
    '.ci/run': ['npm test', 'npm run demo', 'npm run lint', 'bash .ci/run'],
    // As far as they find something to run.
    'test/docs/other-commands.test.ts': [
      'npx vitest run test/core/promotion.test.ts',
      'npx vitest run --project unit',
      `npx vitest run --project e2e -t 'after a rollback'`,
      'AUTOUP_TEST_SWAPS=50 AUTOUP_TEST_NODES=/path/to/node:/another npx vitest run --project e2e test/e2e/node-frameworks',
      'AUTOUP_TEST_NEXT=1 npx vitest run --project e2e test/e2e/node-frameworks -t Next.js',
      'AUTOUP_BRIEF=1 npx vitest run',
    ],
  },
  'bench/README.md': {
    // Minutes each: only that what they name is there.
    'test/docs/other-commands.test.ts': [
      'npm run bench',
      'npm run bench -- --long',
      'npm run bench -- swap status',
      'npm run bench -- --long preload reload',
    ],
  },
  'docs/embedding.md': {
    'test/e2e/documented-executable.test.ts': [
      'npx esbuild server.mjs --bundle --platform=node --format=cjs --external:koffi --outfile=server.cjs',
      'node --build-sea sea.json',
    ],
  },
  'docs/from-pm2.md': {
    'test/e2e/under-systemd.test.ts': ['systemctl daemon-reload', 'systemctl enable --now app'],
  },
  'docs/systemd.md': {
    'test/e2e/under-systemd.test.ts': ['systemctl daemon-reload', 'systemctl enable --now app'],
  },
  'docs/github.md': {
    'test/e2e/github.test.ts': [
      'npm ci --omit=dev',
      'tar -czf /tmp/app-1.2.3.tar.gz --exclude=.git .',
      'gh release create v1.2.3 /tmp/app-1.2.3.tar.gz',
    ],
  },
  'docs/sight.md': {
    'test/e2e/under-systemd.test.ts': ['curl --unix-socket /var/lib/autoup/app/control.sock http://localhost/metrics'],
    'test/e2e/telemetry.test.ts': [
      'node --import ./telemetry.mjs "$(command -v autoup)" run --fetch github:org/app --listen 8080',
    ],
  },
  'docs/trust.md': {
    'test/cli/trust-page.test.ts': [
      'minisign -G -W -p app.pub -s app.key',
      `minisign -S -s app.key -m app-1.4.2-linux-x64.tar.gz -t 'file:app-1.4.2-linux-x64.tar.gz version:1.4.2'`,
      'sha256sum app-1.4.2-linux-x64.tar.gz > SHA256SUMS',
    ],
  },
  'examples/embedded/README.md': {
    'test/e2e/documented-executable.test.ts': ['PORT=8080 node server.mjs', 'PORT=8080 FETCH=github:org/app ./server'],
  },
  'examples/node-server/README.md': {
    'test/e2e/documented-commands.test.ts': [
      'curl localhost:8080',
      `sed 's/^const VERSION = .*/const VERSION = "2"/' server.mjs > next && chmod +x next && mv next server.mjs`,
      'curl localhost:8080',
    ],
  },
}

/** By their reasons. Every other way of what they do is tested. */
const BY_HAND: Readonly<Record<Page, Readonly<Record<string, readonly string[]>>>> = {
  'examples/docker/README.md': {
    'without a Docker daemon': [
      'docker build --tag app .',
      'docker run --detach --name app --publish 8080:8080 --volume app:/var/lib/autoup --stop-timeout 45 --env AUTOUP_FETCH=github:org/app app',
      'docker exec app autoup status',
    ],
  },
}

test.each(PAGES)('each line of another program in %s has a test', (page) => {
  const tests = RUN_BY[page] ?? {}
  const others = shellLines(page).filter((line) => !/^(?:[A-Z_]+=\S+ )*autoup /.test(line))
  const known = [tests, BY_HAND[page] ?? {}].flatMap((each) => Object.values(each).flat())
  expect(others.sort()).toEqual(known.sort())
  for (const name of Object.keys(tests)) {
    const text = readFileSync(join(ROOT, name), 'utf8')
    // It takes them from there; the run of all tests has its own list.
    if (name !== '.ci/run') expect(text, `${name} reads the page`).toContain(basename(page))
  }
})

const ofVitest = shellLines('CONTRIBUTING.md').filter((line) => line.includes('npx vitest run'))

test.each(ofVitest)('%s finds tests', (line) => {
  const [, title = ''] = / -t '?([^']*)/.exec(line) ?? []
  const script = line.replace('vitest run', 'vitest list --filesOnly')
  // What runs this test may leave out some.
  const { AUTOUP_BRIEF: _, ...env } = process.env
  const listed = execFileSync('bash', ['-c', script], {
    cwd: ROOT,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const files = [...listed.matchAll(/test\/\S+\.test\.ts/g)].map(([file]) => file)
  expect(files).not.toEqual([])
  expect(files.filter((file) => readFileSync(join(ROOT, file), 'utf8').includes(title))).not.toEqual([])
})

test('what the page on the bench measures in part is something that it measures', () => {
  const bench = (...names: string[]) =>
    spawnSync(process.execPath, ['bench/run.mjs', ...names], { cwd: ROOT, encoding: 'utf8' })
  const { status, stderr } = bench('nothing')
  expect(status).toBe(2)
  const [, list = ''] = /^bench: there is no nothing among (.*)\n$/.exec(stderr) ?? []
  for (const line of shellLines('bench/README.md')) {
    const [, names = ''] = /^npm run bench(?: --(?: --long)?(.*))?$/.exec(line) ?? []
    expect(list.split(', ')).toEqual(expect.arrayContaining(names.split(' ').filter(Boolean)))
  }
})
