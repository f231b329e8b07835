/**
 * A small app of Next.js, built for its standalone server, from the npm registry. That takes a minute and 200 MB, so only
 * the long run of the frameworks does it (AUTOUP_TEST_NEXT=1).
 */

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from './master.ts'

const PACKAGES = ['next@15.5.29', 'react@19.3.1', 'react-dom@19.3.1']

const FILES = {
  'package.json': '{ "private": true }',
  'next.config.mjs': `export default { output: 'standalone' }`,
  'app/layout.js': 'export default function Layout({ children }) { return <html><body>{children}</body></html> }',
  'app/page.js': 'export default function Page() { return <p>hello</p> }',
  'app/pid/route.js': `
    export const dynamic = 'force-dynamic'
    export const GET = () => Response.json({ version: '1', pid: process.pid })`,
}

/** The folder in which `node server.js` serves; /pid says which process answers. */
export function nextStandalone(): string {
  const folder = temporaryDirectory()
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  const env = {
    ...process.env,
    NODE_ENV: 'production',
    NEXT_TELEMETRY_DISABLED: '1',
    NEXT_IGNORE_INCORRECT_LOCKFILE: '1',
  }
  const run = (program: string, ...args: string[]) => {
    execFileSync(program, args, { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] })
  }
  run('npm', 'install', '--no-audit', '--no-fund', ...PACKAGES)
  run('npx', 'next', 'build')
  return join(folder, '.next/standalone')
}
