/**
 * docs/embedding.md and examples/embedded/README.md by their own commands, in a project of a user's: autoup packed and
 * installed as the page says, the program bundled and made one executable by its lines, and started.
 */

import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { readPage, shellLines } from '../docs/pages.ts'
import { ask } from '../support/ask.ts'
import { inShell } from '../support/documented.ts'
import { embeddedText, REPOSITORY } from '../support/embedded.ts'
import { startGithub } from '../support/github-server.ts'
import { type Master, startMaster, temporaryDirectory } from '../support/master.ts'
import { freePort } from '../support/ports.ts'
import { needsNode, nodeOf } from '../support/sea.ts'
import { until } from '../support/until.ts'

const PAGE = readPage('docs/embedding.md')
const [BUNDLE = '', BUILD = ''] = shellLines('docs/embedding.md')
const [BY_NODE = '', BY_ITSELF = ''] = shellLines('examples/embedded/README.md')

/** The text of the page's first program, on this port. */
function documentedProgram(port: number): string {
  const [, program = ''] = /```js\n(import { run }.*?)```/s.exec(PAGE) ?? []
  return program.replace("'8080'", `'127.0.0.1:${port}'`)
}

const APP = `import { createServer } from 'node:http'
export const app = createServer((_, response) => response.end('{"version":"page"}'))
`

async function does(line: string, cwd: string, env: Record<string, string> = {}): Promise<void> {
  const own = { PATH: process.env.PATH ?? '', npm_config_prefer_offline: 'true', ...env }
  const { code, stderr } = await inShell(line, cwd, own)
  expect(code, `${line}: ${stderr}`).toBe(0)
}

/** Where autoup and esbuild are installed. */
async function newProject(): Promise<string> {
  const home = temporaryDirectory()
  const [clone, project] = [join(home, 'autoup'), join(home, 'project')]
  const { files, version, devDependencies } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'))
  for (const name of ['package.json', ...files].filter((each) => existsSync(join(REPOSITORY, each))))
    cpSync(join(REPOSITORY, name), join(clone, name), { recursive: true })
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{}')
  const [, pack = '', install = ''] = /`(npm pack)` there, and `(npm install \S+)`/.exec(PAGE) ?? []
  expect(install).toContain(`autoup-${version}.tgz`)
  // It is built, and other tests run it.
  await does(pack, clone, { npm_config_ignore_scripts: 'true' })
  await does(`${install} esbuild@${devDependencies.esbuild}`, project)
  writeFileSync(join(project, 'app.js'), APP)
  return project
}

/** ./server of this program. */
async function build(project: string, program: string): Promise<void> {
  writeFileSync(join(project, 'server.mjs'), program)
  const [, config = ''] = /```json\n(\{\n {2}"main".*?)```/s.exec(PAGE) ?? []
  writeFileSync(join(project, 'sea.json'), config.replaceAll('x64', process.arch))
  await does(BUNDLE, project)
  await does(BUILD, project, { PATH: `${dirname(nodeOf(26))}:${process.env.PATH}` })
}

async function started(line: string, cwd: string, githubUrl: string): Promise<Master> {
  const stateDir = temporaryDirectory()
  const env = {
    AUTOUP_STATE_DIR: stateDir,
    AUTOUP_LOG_FORMAT: 'json',
    AUTOUP_PROBATION: '300ms',
    GITHUB_API_URL: githubUrl,
  }
  // `exec` belongs behind the assignments.
  const shell = line.replace(/^(?:[A-Z]+=\S+ )*/, '$&exec ')
  const master = await startMaster({ embedded: ['bash', '-c', shell], cwd, env, stateDir })
  await master.next('worker-ready')
  return master
}

needsNode(26)('a project of a user', () => {
  test('with the program of the page serves as one executable, until another is released', async () => {
    const project = await newProject()
    const github = await startGithub()
    const port = await freePort()
    await build(project, embeddedText({ version: '2' }))
    const example = await started(BY_ITSELF.replace('8080', `127.0.0.1:${port}`), project, github.url)
    expect(await ask(port)).toMatchObject({ version: '2' })
    expect(await example.stop()).toBe(0)

    const released = readFileSync(join(project, 'server'))
    await build(project, documentedProgram(port))
    const page = await started(`PORT=127.0.0.1:${port} ./server`, project, github.url)
    expect(await ask(port)).toMatchObject({ version: 'page' })
    github.publish('v2.0.0', { assets: { [`app-linux-${process.arch}`]: released } })
    const since = page.mark()
    expect(await page.cli('upgrade')).toMatchObject({ code: 0 })
    await page.next('build-committed', { since })
    expect(await ask(port)).toMatchObject({ version: '2' })
    expect(await page.stop()).toBe(0)
  })
})

test('the example is a program of Node, and USR2 restarts it', async () => {
  const port = await freePort()
  const line = BY_NODE.replace('8080', `127.0.0.1:${port}`)
  const master = await started(line, join(REPOSITORY, 'examples/embedded'), '')
  const { generation } = await ask(port)
  master.signal('SIGUSR2')
  await until('the next serves', async () => (await ask(port)).generation > generation)
  expect(await master.stop()).toBe(0)
})
