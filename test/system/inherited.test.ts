import { execFileSync, spawn } from 'node:child_process'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'vitest'
import { onEnd } from '../support/on-end.ts'
import { freePort } from '../support/ports.ts'
import { findProgram, needs } from '../support/requirements.ts'
import { end } from './python.ts'
import { dial, directory, heard } from './sockets.ts'

const ROOT = new URL('../../', import.meta.url).pathname

/** The listeners as JavaScript, for a child that really is started with LISTEN_FDS. */
function compiled(): string {
  const folder = directory()
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  const config = { extends: join(ROOT, 'tsconfig.json'), files: [join(ROOT, 'src/system/listeners.ts')], include: [] }
  const compilerOptions = { rootDir: join(ROOT, 'src'), outDir: folder, incremental: false, declaration: false }
  const more = { isolatedDeclarations: false, tsBuildInfoFile: null, typeRoots: [join(ROOT, 'node_modules/@types')] }
  const tsconfig = join(folder, 'tsconfig.json')
  writeFileSync(tsconfig, JSON.stringify({ ...config, compilerOptions: { ...compilerOptions, ...more } }))
  execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', tsconfig], { stdio: 'inherit' })
  return folder
}

const CHILD = `
import { openListeners, readInherited } from './system/listeners.js'
import { isCloseOnExec } from './system/libc.js'
import { parseListen } from './core/address.js'
import net from 'node:net'
const inherited = readInherited(process.env, process.pid)
const spec = parseListen(process.env.WANTED)
const listeners = openListeners([spec], inherited, new Map())
const closeOnExec = inherited.map(({ fd }) => isCloseOnExec(fd))
net.createServer((c) => c.end(JSON.stringify({ inherited, listeners, closeOnExec }))).listen({ fd: listeners[0].fd })
`

needs('systemd-socket-activate').test('sockets that systemd opened are inherited, named and matched', async () => {
  const folder = compiled()
  writeFileSync(join(folder, 'child.js'), CHILD)
  const port = await freePort()
  const path = join(folder, 'app.sock')
  const options = ['--listen', `127.0.0.1:${port}`, '--listen', path, '--fdname=web:local', '--setenv=WANTED']
  const program = findProgram('systemd-socket-activate') as string
  const activator = spawn(program, [...options, process.execPath, join(folder, 'child.js')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, WANTED: `front=127.0.0.1:${port}` },
  })
  onEnd(() => end(activator))
  // It listens before it says so, and turns into the child with the first connection.
  for await (const line of createInterface(activator.stderr)) if (line.startsWith('Listening on /')) break
  const { pid } = activator
  const told = JSON.parse(await heard(await dial({ port, path: null })))

  const web = { name: 'web', fd: 3, family: 'tcp', host: '127.0.0.1', port, path: null, shown: `127.0.0.1:${port}` }
  const local = { name: 'local', fd: 4, family: 'unix', host: null, port: null, path, shown: `unix:${path}` }
  expect(told.inherited).toEqual([web, local].map((socket) => ({ ...socket, inode: expect.any(Number) })))
  expect(told.closeOnExec).toEqual([true, true])
  expect(told.listeners).toMatchObject([
    { name: 'front', fd: 3, how: 'inherited', address: `127.0.0.1:${port}` },
    { name: 'local', fd: 4, how: 'inherited', address: `unix:${path}`, spec: null },
  ])
  expect(activator.pid).toBe(pid)
})
