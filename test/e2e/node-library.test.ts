/** `autoup/worker`: with the preload, without it, and without a master. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { ask } from '../support/ask.ts'
import { hold } from '../support/held.ts'
import { temporaryDirectory } from '../support/master.ts'
import { startNode } from '../support/node-apps.ts'
import { onEnd } from '../support/on-end.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/until.ts'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))

/** Where `autoup/worker` can be imported. */
function folder(file: string, app: string): string {
  const path = temporaryDirectory()
  mkdirSync(join(path, 'node_modules'))
  symlinkSync(PROJECT, join(path, 'node_modules', 'autoup'))
  writeFileSync(join(path, file), app)
  return path
}

const USE = `
  const told = new Promise((resolve) => process.once('SIGHUP', resolve))
  const answer = (request, response) => {
    const text = JSON.stringify({ version: '1', pid: process.pid })
    if (request.url !== '/hold') return response.end(text)
    response.write(' ')
    request.resume().on('end', () => response.end(text))
  }
  onDrain(async () => {
    console.log('drains')
    await told
    console.log('drained')
  })
  status('warming\\nup')
  console.log('managed', isManaged, JSON.stringify(listener()), JSON.stringify(listener('http')))
  if (isManaged) try { listener('other') } catch (error) { console.log(error.message) }
  serve(answer, { listener: 'http' }).then((server) => console.log('serves', server.listening))
  setInterval(() => {}, 1_000)
`

const MODULES = {
  'app.mjs': `import { isManaged, listener, onDrain, ready, serve, status } from 'autoup/worker'; ${USE}`,
  'app.cjs': `const { isManaged, listener, onDrain, ready, serve, status } = require('autoup/worker'); ${USE}`,
}

describe.each(Object.entries(MODULES))('in %s', (file, app) => {
  test.each([[[]], [['--no-preload']]])('a worker serves, reports and drains by its own word (%s)', async (args) => {
    const port = await freePort()
    const { master } = await startNode({
      app: '',
      cwd: folder(file, app),
      command: ['node', file],
      listen: [`http=127.0.0.1:${port}`],
      args: ['--ready', 'notify', ...args],
    })
    expect((await master.next('worker-ready')).how).toBe('READY=1')
    const { workers } = JSON.parse((await master.cli('status', '--json')).stdout) as { workers: { status?: string }[] }
    expect(JSON.stringify(workers)).toContain('warming up')
    const held = await hold(port)
    const { pid } = await ask(port)
    master.signal('SIGUSR2')
    await until('it drains', () => master.output.includes('drains'))
    expect((await ask(port)).pid).not.toBe(pid)
    expect((await held.finish()).pid).toBe(pid)
    // Its last connection is gone, and its task is not done.
    process.kill(pid, 'SIGHUP')
    expect((await master.next('worker-exited')).how).toBe('exited with 0')
    expect(master.output).toContain('drained')
    expect(master.output).toContain('managed true {"fd":3} {"fd":3}')
    expect(master.output.join('\n')).toContain("no listener named 'other'")
  })

  test('without a master it listens by itself, and ends on SIGTERM when all is answered', async () => {
    const port = await freePort()
    const child = spawn(process.execPath, [file], {
      cwd: folder(file, app),
      env: { PATH: process.env.PATH, PORT: String(port) },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onEnd(() => child.kill('SIGKILL'))
    let output = ''
    child.stdout.on('data', (text) => {
      output += text
    })
    await until('it serves', () => output.includes('serves true'))
    expect(output).toContain('managed false null null')
    const held = await hold(port)
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await until('it drains', () => output.includes('drains'))
    expect((await held.finish()).pid).toBe(child.pid)
    child.kill('SIGHUP')
    expect(await exited).toEqual([0, null])
    expect(output).toContain('drained')
  })
})

test('serve rejects where it cannot listen', async () => {
  const port = await freePort()
  const app = `import { serve } from 'autoup/worker'; import net from 'node:net'
    net.createServer().listen(${port}, '127.0.0.1', async function () {
      await serve(() => {}, { port: ${port}, host: '127.0.0.1' }).catch((error) => console.log('rejected', error.code))
      this.close()
    })`
  const child = spawn(process.execPath, ['app.mjs'], {
    cwd: folder('app.mjs', app),
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onEnd(() => child.kill('SIGKILL'))
  let output = ''
  child.stdout.on('data', (text) => {
    output += text
  })
  await once(child, 'exit')
  expect(output).toBe('rejected EADDRINUSE\n')
})
