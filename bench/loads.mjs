/** The two kinds of load, each in a process of its own: by the clock, and as fast as it goes. */

import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ROOT } from './support.mjs'

const CLOSED_LOOP = fileURLToPath(new URL('./closed-loop.mjs', import.meta.url))

/** The load of the e2e tests, in a process of its own. */
export function openLoop(port, rate) {
  const options = {
    target: { host: '127.0.0.1', port },
    rate,
    newShare: 0.5,
    keepAlive: 24,
    path: '/',
    status: 200,
    timeoutMs: 10_000,
    maxRequests: 1e9,
    maxMs: 3.6e6,
    identify: '"version":"([^"]*)"',
  }
  const child = fork(join(ROOT, 'test/support/load-process.mjs'), [JSON.stringify(options)], { execArgv: [] })
  let last
  child.on('message', (report) => {
    last = report
  })
  return {
    async stop() {
      const gone = once(child, 'exit')
      child.send('stop')
      await gone
      return last
    },
  }
}

/** Requests a second. */
export async function closedLoop(port, seconds, mode) {
  const child = spawn(process.execPath, [CLOSED_LOOP, String(port), String(seconds), '32', mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (piece) => {
    text += piece
  })
  await once(child, 'close')
  return JSON.parse(text).perSecond
}
