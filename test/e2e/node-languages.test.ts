/** Modules of every kind: each is a worker, and finds itself as it would without autoup. */

import { describe, expect, test } from 'vitest'
import { ask } from '../support/ask.ts'
import { startNode, swap } from '../support/node-apps.ts'
import { NODES } from '../support/nodes.ts'

const SERVE = `http.createServer((_, response) => {
  response.end(JSON.stringify({ version: JSON.stringify(truth), pid: process.pid }))
}).listen(Number(process.env.PORT))`

describe.each(NODES)('node %s', (version, node) => {
  const major = Number.parseInt(version.slice(1), 10)
  const apps: [what: string, file: string, app: string, truth: unknown[]][] = [
    [
      'CommonJS',
      'app.cjs',
      `const http = require('http'); const truth = [require.main === module, module.parent == null, process.argv.length]; ${SERVE}`,
      [true, true, 2],
    ],
    [
      'an ES module',
      'app.mjs',
      `import http from 'node:http'; import { createRequire } from 'node:module'
       const truth = [createRequire(import.meta.url).main === undefined, import.meta.main ?? true, process.argv.length]; await null; ${SERVE}`,
      [true, true, 2],
    ],
    ...(major >= 24
      ? ([
          [
            'TypeScript',
            'app.mts',
            `import http from 'node:http'; const truth: unknown[] = [import.meta.main, process.argv.length]; ${SERVE}`,
            [true, 2],
          ],
        ] as [string, string, string, unknown[]][])
      : []),
  ]
  test.each(apps)('%s', async (_, file, app, truth) => {
    const service = await startNode({ app, file, node })
    await service.master.next('worker-ready')
    const first = await ask(service.port)
    expect(JSON.parse(first.version)).toEqual(truth)
    await swap(service)
    expect((await ask(service.port)).pid).not.toBe(first.pid)
  })
})
