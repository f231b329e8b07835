/** The usual set-up of an e2e test: a published build, a free port, a master that serves it, and the build committed. */

import { join } from 'node:path'
import { type Answer, ask } from './ask.ts'
import { type Artifact, nodeServer, publish } from './builds.ts'
import { type Load, type LoadOptions, startLoad } from './load.ts'
import { type Master, type MasterOptions, startMaster, temporaryDirectory } from './master.ts'
import { freePort } from './ports.ts'

/** Checks only when told to. */
export const BY_HAND = ['--interval', '1h']

export interface ServiceOptions extends MasterOptions {
  build?: Artifact
  /** The name of the published file; its ending decides how it is unpacked. */
  file?: string
  /** Default: one free loopback port. */
  listen?: string[]
}

export interface Service {
  readonly master: Master
  readonly port: number
  /** What `--fetch file:` watches. */
  readonly path: string
  publish(build: Artifact): void
  ask(path?: string): Promise<Answer>
  load(options?: Partial<LoadOptions>): Promise<Load>
  /** Another master with the same options and state, after this one has ended. */
  again(): Promise<Service>
}

/** Short probation and timeouts; anything in `args` comes later and so wins. */
const QUICK = ['--interval', '200ms', '--probation', '300ms', '--ready-timeout', '5s', '--drain-timeout', '10s']

/** Resolves when the first build is committed. */
export async function startService(options: ServiceOptions = {}): Promise<Service> {
  const port = await freePort()
  const path = join(temporaryDirectory(), options.file ?? 'app')
  publish(path, options.build ?? nodeServer())
  const listen = (options.listen ?? [`127.0.0.1:${port}`]).flatMap((address) => ['--listen', address])
  const args = [...QUICK, '--fetch', `file:${path}`, ...listen, ...(options.args ?? [])]
  const env = { TEST_PORT: String(port), ...options.env }
  const service = await serve({ stateDir: temporaryDirectory(), ...options, env, args }, port, path)
  await service.master.waitFor(
    (event) => event.type === 'build-committed' || event.type === 'promotion-failed' || event.type === 'build-refused',
    'verdict on the first build',
  )
  return service
}

async function serve(options: MasterOptions, port: number, path: string): Promise<Service> {
  const master = await startMaster(options)
  await master.next('worker-ready')
  return {
    master,
    port,
    path,
    publish: (build) => publish(path, build),
    ask: (where) => ask(port, where),
    load: (load) => startLoad({ target: port, ...load }),
    again: () => serve(options, port, path),
  }
}
