import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'vitest'
import { onEnd } from '../support/on-end.ts'
import { freePort } from '../support/ports.ts'
import { findProgram, needs } from '../support/requirements.ts'
import { end } from './python.ts'
import { dial, directory, heard } from './sockets.ts'

/** Node 20 runs no TypeScript: a child that really is started with LISTEN_FDS takes what was built. */
const BUILT = new URL('../../dist/src/', import.meta.url).href

const CHILD = `
import { openListeners, readInherited } from '${BUILT}system/listeners.js'
import { isCloseOnExec } from '${BUILT}system/libc/descriptors.js'
import { parseListen } from '${BUILT}core/address.js'
import net from 'node:net'
const inherited = readInherited(process.env, process.pid)
const spec = parseListen(process.env.WANTED)
const listeners = openListeners([spec], inherited, new Map())
const closeOnExec = inherited.map(({ fd }) => isCloseOnExec(fd))
net.createServer((c) => c.end(JSON.stringify({ inherited, listeners, closeOnExec }))).listen({ fd: listeners[0].fd })
`

needs('systemd-socket-activate').test('sockets that systemd opened are inherited, named and matched', async () => {
  const folder = directory()
  const child = join(folder, 'child.mjs')
  writeFileSync(child, CHILD)
  const port = await freePort()
  const path = join(folder, 'app.sock')
  const options = ['--listen', `127.0.0.1:${port}`, '--listen', path, '--fdname=web:local', '--setenv=WANTED']
  const program = findProgram('systemd-socket-activate') as string
  const activator = spawn(program, [...options, process.execPath, child], {
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
