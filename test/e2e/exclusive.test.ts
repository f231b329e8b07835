/** `--strategy exclusive`: two of a service never run at once, also not where only a part of one has died. */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Artifact, script } from '../support/builds.ts'
import { temporaryDirectory } from '../support/master.ts'
import { kill } from '../support/processes.ts'
import { BY_HAND, type Service, type ServiceOptions, startService } from '../support/service.ts'

const EXCLUSIVE = ['--strategy', 'exclusive', '--drain-timeout', '1s']

test('what a crashed worker has left behind has ended before its successor starts', async () => {
  const { service, met } = await startWrapped()
  const { pid } = await service.master.next('worker-ready')
  const since = service.master.mark()
  kill(pid, 'SIGKILL')
  await service.master.next('worker-ready', { since })
  expect(await service.ask()).toMatchObject({ version: '1' })
  expect(met()).toBe('')
})

test('what a build that died in probation has left behind has ended before the old one is started', async () => {
  const { service, place, met } = await startWrapped({ args: ['--probation', '2s'] })
  service.publish(wrapped(place, '2'))
  const since = service.master.mark()
  const upgrade = service.master.cli('upgrade')
  await service.master.next('promotion-ready', { since })
  await service.ask('/orphan')
  expect(await upgrade, service.master.story()).toMatchObject({ code: 6 })
  expect(await service.ask()).toMatchObject({ version: '1' })
  expect(met()).toBe('')
})

test('what is left of a worker of a killed master has ended before the next master starts its own', async () => {
  const { service, met } = await startWrapped({ stateDir: temporaryDirectory() })
  const { pid } = await service.master.next('worker-ready')
  await service.master.kill9()
  kill(pid, 'SIGKILL')
  const next = await service.again()
  expect(await next.ask()).toMatchObject({ version: '1' })
  expect(met()).toBe('')
})

interface Wrapped {
  readonly service: Service
  readonly place: string
  /** Who found another one running; '' for nobody. */
  met(): string
}

async function startWrapped(options: ServiceOptions = {}): Promise<Wrapped> {
  const place = temporaryDirectory()
  const args = [...BY_HAND, ...EXCLUSIVE, ...(options.args ?? [])]
  const service = await startService({ ...options, build: wrapped(place, '1'), args })
  const file = join(place, 'met')
  return { service, place, met: () => (existsSync(file) ? readFileSync(file, 'utf8') : '') }
}

/**
 * A server behind a shell that ends without it, and that hears of nothing. It has a name that only one living process can
 * have (unix(7), abstract), and writes down when somebody else has it.
 */
function wrapped(place: string, version: string): Artifact {
  const server = `
    process.on("SIGTERM", () => {})
    const name = require("net").createServer()
    name.on("error", (error) => require("fs").appendFileSync("${place}/met", "${version}: " + error.message + "\\n"))
    name.listen("\\0${place}")
    const server = require("http").createServer((request, response) => {
      if (request.url === "/orphan") response.on("finish", () => process.kill(process.ppid, "SIGABRT"))
      response.end(JSON.stringify({ version: "${version}", pid: process.pid, generation: 0 }))
    })
    server.listen({ fd: 3 })`
  return script(`#!/bin/sh\n${process.execPath} -e '${server}' &\nwait\n`)
}
