import { once } from 'node:events'
import http from 'node:http'
import { join } from 'node:path'
import { expect } from 'vitest'
import { bareParent } from '../support/bare.ts'
import { type Artifact, nodeServer, publish, pythonServer } from '../support/builds.ts'
import { startLoad, summary } from '../support/load.ts'
import { temporaryDirectory } from '../support/master.ts'
import { freePort } from '../support/ports.ts'
import { isAlive, kill } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { until } from '../support/until.ts'

const { test } = needs('python3')

const servers: [string, (version: string) => Artifact][] = [
  ['node', (version) => nodeServer({ version })],
  ['python', (version) => pythonServer(version)],
]

test.each(servers)('the %s server hands over under load without a failed request', async (_, server) => {
  const port = await freePort()
  const path = join(temporaryDirectory(), 'app')
  const parent = bareParent(port)
  publish(path, server('0'))
  let old = await parent.start([path])
  const load = await startLoad({ target: port, rate: 200 })
  for (const version of ['1', '2', '3']) {
    publish(path, server(version))
    const next = await parent.start([path])
    await load.waitFor((report) => report.versions[version] !== undefined, `version ${version}`)
    kill(old, 'SIGTERM')
    await until(`the worker before ${version} ended`, () => !isAlive(old))
    old = next
  }
  const report = await load.stop()
  expect(report.failed, summary(report)).toBe(0)
  expect(report.versions['3']?.answered).toBeGreaterThan(0)
})

test('the node server ends an idle connection when it always would have, not when it drains', async () => {
  const port = await freePort()
  const path = join(temporaryDirectory(), 'app')
  publish(path, nodeServer())
  const pid = await bareParent(port).start([path])
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  await until('the server answers', () => get(agent, port, '/').catch(() => null))
  kill(pid, 'SIGTERM')
  await until('it accepts no more', () =>
    get(new http.Agent(), port, '/', 50).then(
      () => false,
      () => true,
    ),
  )
  const last = await get(agent, port, '/')
  expect(last.headers.connection).toBe('close')
  await until('it ended', () => !isAlive(pid), 2_000)
})

async function get(agent: http.Agent, port: number, path: string, timeout = 5_000): Promise<http.IncomingMessage> {
  const request = http.get({ host: '127.0.0.1', port, path, agent, timeout })
  request.on('timeout', () => request.destroy(new Error('timed out')))
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  response.resume()
  await once(response, 'end')
  return response
}
