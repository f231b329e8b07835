#!/usr/bin/env node
/** A service that is its own master: `node server.mjs` serves on PORT, and on what is released at FETCH from then on. */

import { createServer } from 'node:http'
import { run } from 'autoup'

const VERSION = '1'

run({
  listen: process.env.PORT ?? '8080',
  // Without a source USR2 restarts it gracefully, and that is all.
  ...(process.env.FETCH ? { fetch: process.env.FETCH } : {}),
  program(state) {
    const generation = Number(process.env.AUTOUP_GENERATION ?? 0)
    const server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
      const answer = () => response.end(`${JSON.stringify({ version: VERSION, pid: process.pid, generation })}\n`)
      if (pathname === '/slow') setTimeout(answer, Number(searchParams.get('ms') ?? 5_000))
      else answer()
    })
    server.listen(state.listener)
    // Under a master its last connection is gone by then.
    state.gracefulShutdown.addEventListener('abort', () => server.close())
  },
})
