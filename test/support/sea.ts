/**
 * Single executables of the embedded example. Node itself comes from the npm registry, once, into a cache beside the
 * installed packages; or from a path in AUTOUP_TEST_NODE_24 and AUTOUP_TEST_NODE_26.
 */

import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from 'vitest'
import type { Artifact } from './builds.ts'
import { embeddedBundle, koffiLibrary, type Program, REPOSITORY } from './embedded.ts'
import { temporaryDirectory } from './master.ts'

const VERSIONS = { 24: '24.21.0', 26: '26.10.0' } as const
export type SeaNode = keyof typeof VERSIONS

const DOWNLOAD_MS = 110_000
const BUILD_MS = 60_000
/** docs of Node, Single executable applications. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'

/** vitest's `describe`, or its `skip` with a line that says why. To be called while tests are collected. */
export function needsNode(major: SeaNode): typeof describe | typeof describe.skip {
  try {
    nodeOf(major)
    return describe
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : error
    process.stderr.write(`skipping tests, since Node ${VERSIONS[major]} cannot be had from the npm registry: ${why}\n`)
    return describe.skip
  }
}

export interface SeaOptions extends Program {
  node: SeaNode
  /** Default: koffi's library. */
  assets?: Record<string, string>
}

/** The executable, as something to publish. */
export function single({ node, assets = { 'koffi.node': koffiLibrary() }, ...program }: SeaOptions): Artifact {
  return (path) => {
    const work = temporaryDirectory()
    const main = join(work, 'main.cjs')
    const config = join(work, 'sea.json')
    const output = join(work, 'out')
    writeFileSync(main, embeddedBundle(program))
    writeFileSync(config, JSON.stringify({ main, output, assets, disableExperimentalSEAWarning: true }))
    const own = nodeOf(node)
    // Since Node 25.5 it does it all by itself.
    if (node >= 26) run(own, ['--build-sea', config])
    else {
      run(own, ['--experimental-sea-config', config])
      const copy = join(work, 'copy')
      copyFileSync(own, copy)
      chmodSync(copy, 0o755)
      const postject = join(REPOSITORY, 'node_modules/postject/dist/cli.js')
      run(process.execPath, [postject, copy, 'NODE_SEA_BLOB', output, '--sentinel-fuse', FUSE])
      renameSync(copy, output)
    }
    copyFileSync(output, path)
    chmodSync(path, 0o755)
    rmSync(work, { recursive: true })
  }
}

const found = new Map<SeaNode, string>()

/** The path of its program. */
export function nodeOf(major: SeaNode): string {
  const known = found.get(major)
  if (known !== undefined) return known
  const path = process.env[`AUTOUP_TEST_NODE_${major}`] ?? fromRegistry(VERSIONS[major])
  const version = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim()
  if (!version.startsWith(`v${major}.`)) throw new Error(`${path} is ${version}`)
  found.set(major, path)
  return path
}

/** Whole when it is there: it is put in its place by rename. */
function fromRegistry(version: string): string {
  const cache = join(REPOSITORY, 'node_modules/.cache/autoup-test')
  const folder = join(cache, `node-${version}`)
  const path = join(folder, 'bin/node')
  if (existsSync(path)) return path
  const name = `node-linux-${process.arch}`
  const work = join(cache, `.${version}-${process.pid}`)
  mkdirSync(work, { recursive: true })
  try {
    writeFileSync(join(work, 'package.json'), '{}')
    const args = ['install', '--prefix', work, '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']
    run('npm', [...args, `${name}@${version}`], DOWNLOAD_MS)
    renameSync(join(work, 'node_modules', name), folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return path
}

function run(program: string, args: readonly string[], timeout = BUILD_MS): void {
  execFileSync(program, args, { timeout, stdio: ['ignore', 'ignore', 'pipe'] })
}
