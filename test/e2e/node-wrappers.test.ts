/** Node behind something else: what keeps its pid works, and where it does not the app says what to type instead. */

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ask } from '../support/ask.ts'
import { temporaryDirectory } from '../support/master.ts'
import { PLAIN, startNode, swap } from '../support/node-apps.ts'
import { until } from '../support/until.ts'

/** PM2's two ways to start an app, as `pm2-runtime` does it in the foreground (lib/God.js, lib/ProcessContainerFork.js). */
const PM2 = {
  'cluster.js': `const cluster = require('node:cluster')
cluster.setupPrimary({ exec: process.argv[2], args: process.argv.slice(3) })
cluster.fork().on('exit', (code) => process.exit(code || 1))`,
  'fork.js': `const { resolve } = require('node:path')
const [script, ...args] = process.argv.slice(2)
const env = { ...process.env, pm_exec_path: resolve(script) }
const child = require('node:child_process').spawn('node', [resolve(__dirname, 'container.js'), ...args], { env, stdio: 'inherit' })
child.on('exit', (code) => process.exit(code || 1))`,
  'container.js': `require('node:module')._load(process.env.pm_exec_path, null, true)`,
}

/** A folder with the app, a package.json, a script and a launcher. */
function folder(): string {
  const path = temporaryDirectory()
  writeFileSync(join(path, 'server.cjs'), PLAIN)
  writeFileSync(join(path, 'package.json'), JSON.stringify({ name: 'app', scripts: { start: 'node server.cjs one' } }))
  writeFileSync(join(path, 'start.sh'), '#!/bin/sh\nnode server.cjs one\nexit $?\n')
  chmodSync(join(path, 'start.sh'), 0o755)
  mkdirSync(join(path, 'node_modules/pm2'), { recursive: true })
  for (const [name, text] of Object.entries(PM2)) writeFileSync(join(path, 'node_modules/pm2', name), text)
  return path
}

describe('works, as the pid stays', () => {
  const KEEP: Record<string, string[]> = {
    env: ['env', 'A=1', 'node', 'server.cjs'],
    nice: ['nice', '-n', '5', 'node', 'server.cjs'],
    'a shell with exec': ['sh', '-c', 'exec node server.cjs'],
  }
  test.each(Object.entries(KEEP))('%s', async (_, command) => {
    const service = await startNode({ app: '', cwd: folder(), command })
    await service.master.next('worker-ready')
    const { pid } = await ask(service.port)
    await swap(service)
    expect((await ask(service.port)).pid).not.toBe(pid)
  })
})

describe('says what to type instead', () => {
  const LOSE: Record<string, [command: string[], cure: string]> = {
    'npm start': [['npm', 'start'], '-- node server.cjs one'],
    npx: [['npx', '--offline', '-c', 'node server.cjs one'], '-- node server.cjs one'],
    'a shell script': [['./start.sh'], '-- node server.cjs one'],
    "PM2's fork mode": [['node', 'node_modules/pm2/fork.js', 'server.cjs', 'one'], '-- node server.cjs one'],
  }
  test.each(Object.entries(LOSE))('%s', async (_, [command, cure]) => {
    const { master } = await startNode({ app: '', cwd: folder(), command, args: ['--ready-timeout', '20s'] })
    const failed = await master.next('worker-failed')
    expect(failed.reason).toMatch(/before it was ready/)
    const line = await until('it is said', () => master.output.find((each) => each.startsWith('autoup: this process')))
    expect(line).toContain('is no worker but a child of one')
    expect(line).toContain(cure)
  })
})

test('what listens for an app that it has started says so too', async () => {
  const command = ['node', 'node_modules/pm2/cluster.js', 'server.cjs', 'one']
  const { master } = await startNode({ app: '', cwd: folder(), command, args: ['--ready-timeout', '20s'] })
  await master.next('worker-failed')
  const told = new Set(master.output.filter((line) => line.startsWith('autoup: ')))
  expect([...told]).toEqual([
    expect.stringMatching(/^autoup: \S+ node_modules\/pm2\/cluster\.js server\.cjs one starts the app as a child/),
  ])
})

test('where the descriptors were closed on the way, that is said', async () => {
  const { master } = await startNode({
    app: '',
    cwd: folder(),
    command: ['sh', '-c', 'exec node server.cjs 3<&-'],
  })
  await master.next('worker-failed')
  const told = new Set(master.output.filter((line) => line.startsWith('autoup: ')))
  expect([...told]).toEqual([
    expect.stringMatching(/descriptor 3 \(port-\d+\) has not arrived.*--keep-file-descriptors/),
  ])
})
