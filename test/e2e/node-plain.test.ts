/** Node apps that know nothing of autoup. */

import { expect, test } from 'vitest'
import { ask } from '../support/ask.ts'
import { startLoad, summary } from '../support/load.ts'
import { PLAIN, startNode, swap } from '../support/node-apps.ts'

test('an app that binds its port itself is swapped under load without a failed request', async () => {
  const service = await startNode({ app: PLAIN })
  await service.master.next('worker-ready')
  const load = await startLoad({ target: service.port, rate: 200 })
  const slow = ask(service.port, '/slow')
  const first = (await ask(service.port)).pid
  await swap(service)
  const second = (await ask(service.port)).pid
  expect(second).not.toBe(first)
  expect((await slow).pid).toBe(first)
  await swap(service)
  const report = await load.stop()
  expect(report.failed, summary(report)).toBe(0)
})

test('the handlers of the app run when its last connection is gone, and see a server that listens', async () => {
  const app = `${PLAIN}
    process.on('SIGTERM', () => {
      server.getConnections((_, connections) => {
        console.log('handled', JSON.stringify({ connections, listening: server.listening, port: server.address().port }))
        server.close((error) => {
          console.log('closed', error)
          process.exit(7)
        })
      })
    })`
  const service = await startNode({ app })
  await service.master.next('worker-ready')
  const slow = ask(service.port, '/slow')
  await ask(service.port)
  await swap(service)
  await slow
  expect(service.master.output).toContain(
    `handled ${JSON.stringify({ connections: 0, listening: true, port: service.port })}`,
  )
  expect(service.master.output).toContain('closed undefined')
  const exit = await service.master.next('worker-exited')
  expect(exit.how).toBe('exited with 7')
})

test('--no-preload leaves the app alone', async () => {
  const service = await startNode({ app: PLAIN, args: ['--no-preload', '--no-respawn'] })
  expect(await service.master.exited).toBe(1)
  expect(service.master.output.join('\n')).toContain('EADDRINUSE')
})
