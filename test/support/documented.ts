/**
 * The world that the command lines of the documentation speak of, on this machine: a folder with the files that they
 * name, a GitHub with org's repositories, example.org behind a proxy, a registry of npm. Two releases are there, and the
 * highest is the second. Ends with its test.
 */

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newSigner, type Signer, signatureOf } from '../trust/minisign-signer.ts'
import { type Artifact, archive, directory, nodeServer, pythonServer, script } from './builds.ts'
import { type Github, startGithub } from './github-server.ts'
import { AUTOUP, type Finished, type Master, startMaster, temporaryDirectory } from './master.ts'
import { startNpmRegistry } from './npm-registry.ts'
import { onEnd } from './on-end.ts'
import { freePort } from './ports.ts'
import { endAll } from './processes.ts'
import { serveSite } from './site.ts'
import { authority, serveProxy } from './web.ts'

export const VERSIONS = ['1.4.2', '2.3.4'] as const
const [PINNED, HIGHEST] = VERSIONS
const EXAMPLES = join(import.meta.dirname, '../../examples')
const SITES = ['example.org', 'dl.example.org', 'releases.example.com']
const SHOWN_PORTS = /\b(?:8080|8081|3000|9090)\b/g

export interface Documented {
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  /** What is shown as 8080, 3000 or the like: another each, the first one here. */
  readonly port: number
  readonly github: Github | null
  /** With the ports and folders of this machine. */
  own(text: string): string
  /** In the foreground. */
  master(line: string): Promise<Master>
  /** To its end. */
  run(line: string): Promise<Finished>
}

/** `text` is all that is shown: which repository, which ports. */
export async function documented(text: string): Promise<Documented> {
  const folder = temporaryDirectory()
  const ports = new Map<string, number>()
  for (const [shown] of [...text.matchAll(SHOWN_PORTS), ['8080'] as const])
    if (!ports.has(shown)) ports.set(shown, await freePort())
  const [port = 0] = ports.values()
  const own = (shown: string): string =>
    shown
      .replaceAll(SHOWN_PORTS, (each) => String(ports.get(each) ?? port))
      .replaceAll(/\/(?:srv|run)\//g, `${folder}/`)
  const signer = newSigner()
  for (const key of ['app.pub', 'release.pub'])
    writeFileSync(join(folder, key), `untrusted comment: minisign public key\n${signer.line}\n`)
  const repository = /github:(org\/\w+)/.exec(text)?.[1]
  const github = repository === undefined ? null : await startGithub({ name: repository })
  const [prefix, platform] = repository === 'org/tools' ? ['app-', 'x86_64-musl'] : ['', `linux-${process.arch}`]
  for (const version of VERSIONS)
    github?.publish(`${prefix}v${version}`, { assets: assetsOf(version, { platform, signer }) })
  filesOf(folder)
  const stateDir = join(folder, 'state')
  const env = {
    PATH: `${commandFolder()}:${process.env.PATH}`,
    AUTOUP_STATE_DIR: stateDir,
    AUTOUP_LOG_FORMAT: 'json',
    AUTOUP_PROBATION: '300ms',
    XDG_RUNTIME_DIR: folder,
    ...(/--listen|"listen"/.test(text) ? {} : { AUTOUP_LISTEN: String(port) }),
    ...(github === null ? {} : { GITHUB_API_URL: github.url }),
    ...(hasWebSites(text) ? await webSites() : {}),
    ...(/npm:/.test(text) ? await registry() : {}),
  }
  onEnd(() => endAll(stateDir))
  return {
    folder,
    env,
    port,
    github,
    own,
    master: (line) => startMaster({ embedded: ['bash', '-c', `exec ${own(line)}`], cwd: folder, env, stateDir }),
    run: (line) => inShell(own(line), folder, env),
  }
}

export function inShell(line: string, cwd: string, env: Readonly<Record<string, string>>): Promise<Finished> {
  return new Promise((resolve) => {
    execFile('bash', ['-euc', line], { cwd, env: { HOME: cwd, ...env } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : null, stdout, stderr })
    })
  })
}

/** Whether a line asks a web server with a certificate, which openssl(1) makes. */
export function hasWebSites(text: string): boolean {
  return /https:/.test(text) || text.includes('autoup-s3')
}

/** A folder for PATH in which `autoup` is as npm would link it. */
export function commandFolder(): string {
  const folder = temporaryDirectory()
  chmodSync(AUTOUP, 0o755)
  symlinkSync(AUTOUP, join(folder, 'autoup'))
  return folder
}

/** Of a release: one for this machine, signed. */
export function assetsOf(
  version: string,
  { platform = `linux-${process.arch}`, signer = newSigner() }: { platform?: string; signer?: Signer } = {},
): Record<string, Buffer> {
  const name = `app-${platform}.tar.gz`
  const bytes = release(version)
  return { [name]: bytes, [`${name}.minisig`]: signatureOf(signer, bytes, { comment: `file:${name}` }) }
}

const releases = new Map<string, Buffer>()

/** Its own program, and a server.js for who says `node server.js`. Made once. */
function release(version: string): Buffer {
  const made = releases.get(version) ?? bytesOf(archive(nodeServer({ version }), { 'server.js': textOf(version) }))
  releases.set(version, made)
  return made
}

function textOf(version: string): string {
  return bytesOf(nodeServer({ version })).toString()
}

function bytesOf(artifact: Artifact): Buffer {
  const path = join(temporaryDirectory(), 'artifact')
  artifact(path)
  return readFileSync(path)
}

/** Everything that a line takes for granted. */
function filesOf(folder: string): void {
  const local = nodeServer({ version: 'local' })
  for (const name of ['app', 'server', 'next', 'server.js', 'api.js']) local(join(folder, name))
  for (const name of ['migrate.sh', 'announce.sh', 'page-me.sh']) script('#!/bin/sh\n')(join(folder, name))
  directory(local, { 'server.js': textOf('local') })(join(folder, 'dist'))
  writeFileSync(join(folder, 'app.tar.gz'), release('local'))
  const module = readFileSync(join(EXAMPLES, 'node-server/server.mjs'), 'utf8')
  for (const name of ['hello.mjs', 'server.mjs'])
    script(module.replace("VERSION = '1'", "VERSION = 'local'"))(join(folder, name))
  pythonServer('local')(join(folder, 'served.py'))
  writeFileSync(join(folder, 'app.py'), PYTHON)
  const plugin = readFileSync(join(EXAMPLES, 'custom-fetcher/version-file.mjs'))
  writeFileSync(join(folder, 'version-file.mjs'), plugin)
  const installed = join(folder, 'node_modules/@team/autoup-s3')
  mkdirSync(installed, { recursive: true })
  writeFileSync(
    join(installed, 'package.json'),
    '{ "name": "@team/autoup-s3", "type": "module", "exports": "./s3.js" }',
  )
  writeFileSync(join(installed, 'version-file.mjs'), plugin)
  writeFileSync(join(installed, 's3.js'), S3)
}

/** For gunicorn a function, for Python a program. */
const PYTHON = `def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b'{"version":"local"}']

if __name__ == "__main__":
    import served
`

/** A bucket is a folder of a web server. */
const S3 = `import { fetcher as files } from './version-file.mjs'
const at = (context) => ({ ...context, location: 'https://releases.example.com/' + new URLSearchParams(context.location).get('bucket') })
export default {
  ...files,
  scheme: 's3',
  check: (context, known) => files.check(at(context), known),
  fetch: (context, release, into) => files.fetch(at(context), release, into),
}
`

async function webSites(): Promise<Record<string, string>> {
  const site = await serveSite({ names: SITES })
  const put = (path: string, bytes: Buffer): void => {
    const sum = createHash('sha256').update(bytes).digest('hex')
    site.put(path, bytes)
    site.put(`${path}.sha256`, `${sum}  ${path.slice(path.lastIndexOf('/') + 1)}\n`)
  }
  const program = Buffer.from(textOf(HIGHEST))
  const name = `app-linux-${process.arch}`
  put(`/${name}.tar.gz`, release(HIGHEST))
  put(`/${name}`, program)
  put(`/app-${PINNED}-linux-${process.arch}.tar.gz`, release(PINNED))
  put(`/app-${HIGHEST}.tar.gz`, release(HIGHEST))
  put(`/${HIGHEST}/bin/linux/${process.arch}/app`, program)
  site.put('/stable.txt', `${HIGHEST}\n`)
  const artifact = { os: 'linux', arch: process.arch, url: `${name}.tar.gz` }
  site.put('/app.json', JSON.stringify({ version: HIGHEST, artifacts: [artifact] }))
  for (const path of ['/app', '/releases']) {
    site.put(`${path}/VERSION`, HIGHEST)
    put(`${path}/app-${HIGHEST}`, program)
  }
  const proxy = await serveProxy({ ports: { 443: site.port } })
  return { HTTPS_PROXY: proxy.origin, NODE_EXTRA_CA_CERTS: authority().file }
}

async function registry(): Promise<Record<string, string>> {
  const npm = await startNpmRegistry()
  for (const name of ['server', '@team/server'])
    for (const version of VERSIONS)
      await npm.publish({
        name,
        version,
        files: { 'server.js': textOf(version) },
        manifest: { bin: { server: 'server.js' } },
      })
  const cache = join(temporaryDirectory(), 'cache')
  return { npm_config_userconfig: npm.npmrc, npm_config_cache: cache }
}
