/** The Dockerfile of the examples without Docker: its environment, its CMD as pid 1 of a namespace, its health check. */

import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { nodeServer, publish } from '../support/builds.ts'
import { AUTOUP, startMaster, temporaryDirectory } from '../support/master.ts'
import { freePort } from '../support/ports.ts'
import { childrenOf, kill } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { until } from '../support/until.ts'

interface Image {
  readonly env: Record<string, string>
  readonly command: string[]
  readonly health: string[]
  readonly stopSignal: string
}

function readImage(): Image {
  const path = join(import.meta.dirname, '../../examples/docker/Dockerfile')
  const instructions = readFileSync(path, 'utf8')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => /^([A-Z]+) (.*)$/.exec(line)?.slice(1) as [string, string])
  const of = (name: string): string[] => instructions.filter(([each]) => each === name).map(([, rest]) => rest)
  const env = of('ENV').flatMap((line) => line.split(' ').map((pair) => pair.split('=') as [string, string]))
  return {
    env: Object.fromEntries(env),
    command: JSON.parse(of('CMD')[0] as string) as string[],
    health: JSON.parse((of('HEALTHCHECK')[0] as string).replace(/^.*?CMD /, '')) as string[],
    stopSignal: of('STOPSIGNAL')[0] as string,
  }
}

needs('root', 'unshare').test(
  'the example runs as pid 1, is healthy when its service is, and stops as it should',
  async () => {
    const { env, command, health, stopSignal } = readImage()
    const folder = temporaryDirectory()
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'autoup'), `#!/bin/sh\nexec ${process.execPath} ${AUTOUP} "$@"\n`)
    chmodSync(join(bin, 'autoup'), 0o755)
    const source = join(folder, 'app')
    publish(source, nodeServer({ version: '1' }))
    const stateDir = join(folder, 's')
    const port = String(await freePort())
    // As `docker run --env` would have it.
    const own = { AUTOUP_FETCH: `file:${source}`, AUTOUP_LISTEN: port, AUTOUP_STATE_DIR: stateDir }
    expect(Object.keys(env)).toEqual(expect.arrayContaining(Object.keys(own)))
    const inside = { ...env, ...own, PATH: `${bin}:${process.env.PATH}` }
    const master = await startMaster({
      embedded: command,
      through: ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'],
      env: inside,
      name: env.AUTOUP_NAME ?? '',
      stateDir,
    })
    const isHealthy = (): Promise<boolean> =>
      new Promise((resolve) => {
        execFile(health[0] as string, health.slice(1), { env: inside }, (error) => resolve(error === null))
      })
    expect(await master.next('master-started')).toMatchObject({ pid: 1, name: 'app' })
    await master.next('worker-ready')
    expect(await isHealthy()).toBe(true)
    const [pidOne] = await until('unshare has started it', () => {
      const children = childrenOf(master.pid)
      return children.length > 0 ? children : null
    })
    kill(pidOne!.pid, stopSignal as NodeJS.Signals)
    expect(await master.exited).toBe(0)
    expect(await isHealthy()).toBe(false)
  },
)
