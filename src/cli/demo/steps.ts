/** What the demo does, step by step, and its books: every request that failed belongs to a worker that died. */

import { execFile } from 'node:child_process'
import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatDuration } from '../../core/duration.ts'
import { AutoupError } from '../../core/errors.ts'
import type { Status } from '../../core/status.ts'
import { clientPorts } from './connections.ts'
import { Load, type Tally } from './load.ts'
import { ServiceMaster } from './service-master.ts'

const PROBATION_MS = 2_000

export class Demo {
  readonly #directory: string
  readonly #say: (line: string) => void
  readonly #release: string
  #master: ServiceMaster | null = null
  #load: Load | null = null
  #sent = 0
  #excused = 0
  #unexcused = 0
  #step = 0
  #isOver = false

  constructor(directory: string, say: (line: string) => void) {
    this.#directory = directory
    this.#say = say
    this.#release = join(directory, 'service.mjs')
  }

  async run(): Promise<number> {
    const startedAt = performance.now()
    this.#say('A small HTTP service under `autoup run`, with a steady load on it: 200 requests a second,')
    this.#say('half on new connections, half on kept ones, nothing retried.\n')
    await this.#start()
    await this.#publishGood()
    await this.#publishCrashing()
    await this.#publishDying()
    await this.#killWorker()
    await this.#rollBack()
    await this.#killMaster()
    await this.cleanUp()
    this.#say('')
    this.#say(
      `  ${this.#sent} requests in ${formatDuration(performance.now() - startedAt)}: ${this.#unexcused} failed that should not have, ${this.#excused} went down with a worker that died.`,
    )
    return this.#unexcused === 0 ? 0 : 1
  }

  /** Ends what the demo started, also after a failure, or in the middle of a step, which fails then. */
  async cleanUp(): Promise<void> {
    this.#isOver = true
    await this.#load?.stop()
    await this.#master?.stop()
  }

  async #start(): Promise<void> {
    this.#title('autoup run --fetch file:service.mjs --listen 127.0.0.1:0')
    this.#publish('1.0.0')
    const master = this.#newMaster()
    const { address } = await master.next('listening')
    await master.next('promotion-ready')
    this.#load = new Load(Number(address.split(':').pop()))
    await master.next('build-committed')
    this.#result(`1.0.0 serves on ${address}`)
  }

  async #publishGood(): Promise<void> {
    this.#title('publish 1.1.0')
    const startedAt = this.#publish('1.1.0')
    const master = this.#running()
    await master.next('promotion-ready')
    const afterMs = performance.now() - startedAt
    await master.next('build-committed')
    this.#result(`live after ${formatDuration(afterMs)}, committed after ${formatDuration(PROBATION_MS)} of probation`)
  }

  async #publishCrashing(): Promise<void> {
    this.#title('publish 1.2.0, which crashes at start')
    this.#publish('1.2.0', 'at-start')
    const { reason } = await this.#running().next('build-quarantined')
    this.#result(`held back: it ${firstPart(reason)}; 1.1.0 was not touched`)
  }

  async #publishDying(): Promise<void> {
    this.#title('publish 1.3.0, which starts well and dies in use')
    this.#publish('1.3.0', 'in-use')
    const master = this.#running()
    await master.next('promotion-ready')
    // Until the old worker has gone, it may be the one to answer.
    await master.next('worker-exited')
    get(`http://127.0.0.1:${this.#port()}/report`).on('error', () => undefined)
    const { reason } = await master.next('build-quarantined')
    const ports = JSON.parse(readFileSync(join(this.#directory, 'state', 'demo', 'data', 'last-words.json'), 'utf8'))
    this.#result(`rolled back: it ${firstPart(reason)}; 1.1.0 serves again`, new Set(ports as number[]))
  }

  async #killWorker(): Promise<void> {
    const master = this.#running()
    const pid = await this.#servingPid()
    this.#title(`kill -9 ${pid}, the worker`)
    process.kill(pid, 'SIGSTOP')
    const ports = new Set(clientPorts(pid))
    process.kill(pid, 'SIGKILL')
    const { afterMs } = await master.next('worker-ready')
    this.#result(
      `a new worker was ready ${formatDuration(afterMs)} after its start; clients waited in the kernel`,
      ports,
    )
  }

  async #rollBack(): Promise<void> {
    this.#title('autoup rollback')
    const master = this.#running()
    await this.#cli('rollback')
    await master.next('build-committed', (event) => event.purpose === 'rollback')
    this.#result('1.0.0 serves, and 1.1.0 is held: it does not come back by itself')
  }

  async #killMaster(): Promise<void> {
    const before = this.#running()
    this.#title(`kill -9 ${before.pid}, the master, and start it again`)
    await before.kill9()
    const master = this.#newMaster()
    const { how } = await master.next('listening')
    await master.next('worker-exited')
    await this.#load?.stop()
    this.#result(`the old worker served on; its socket was ${how === 'taken-back' ? 'taken back from it' : how}`)
  }

  #newMaster(): ServiceMaster {
    if (this.#isOver) throw new AutoupError('failed', 'the demo is over')
    const where = ['--state-dir', join(this.#directory, 'state'), '--name', 'demo']
    const what = ['--fetch', `file:${this.#release}`, '--listen', '127.0.0.1:0', '--probation', `${PROBATION_MS}ms`]
    this.#master = new ServiceMaster([...where, ...what])
    return this.#master
  }

  /** By rename, as every release should be. The time of publication. */
  #publish(version: string, fault = ''): number {
    const code = readFileSync(fileURLToPath(new URL('./service.js', import.meta.url)), 'utf8')
    const release = code.replace('VERSION-OF-THE-RELEASE', version).replace('FAULT-OF-THE-RELEASE', fault)
    const fresh = `${this.#release}.new`
    writeFileSync(fresh, `#!${process.execPath}\n${release}`)
    chmodSync(fresh, 0o755)
    renameSync(fresh, this.#release)
    return performance.now()
  }

  async #servingPid(): Promise<number> {
    const { workers } = JSON.parse(await this.#cli('status', '--json')) as Pick<Status, 'workers'>
    return workers.find((worker) => worker.state === 'ready')?.pid as number
  }

  async #cli(...args: string[]): Promise<string> {
    const words = [process.argv[1] as string, ...args, '--state-dir', join(this.#directory, 'state')]
    return await new Promise((resolve, reject) => {
      execFile(process.execPath, words, (error, stdout) => (error ? reject(error) : resolve(stdout)))
    })
  }

  #running(): ServiceMaster {
    if (!this.#master) throw new Error('the demo has no master yet')
    return this.#master
  }

  #port(): number {
    return this.#load?.port ?? 0
  }

  #title(text: string): void {
    this.#say(`${++this.#step}. ${text}`)
  }

  /** One line of result and one of books. `lost` are the client ports of a worker that died in this step. */
  #result(text: string, lost: ReadonlySet<number> = new Set()): void {
    this.#say(`   ${text}`)
    this.#balance(this.#load?.take() ?? null, lost)
  }

  #balance(tally: Tally | null, lost: ReadonlySet<number>): void {
    if (!tally || tally.sent === 0) return
    const excused = tally.failures.filter(({ port }) => port !== null && lost.has(port))
    const unexcused = tally.failures.filter((failure) => !excused.includes(failure))
    this.#sent += tally.sent
    this.#excused += excused.length
    this.#unexcused += unexcused.length
    const versions = [...tally.versions].map(([version, count]) => `${count} by ${version}`).join(', ')
    this.#say(
      `   ${tally.sent} requests (${versions}), ${tally.failures.length} failed, slowest ${formatDuration(tally.slowestMs)}`,
    )
    if (excused.length > 0) this.#say(`   ${excused.length} of them in the hands of the worker that died`)
    for (const { reason } of unexcused.slice(0, 5)) this.#say(`   should not have failed: ${reason}`)
  }
}

function firstPart(reason: string): string {
  return reason.split(';')[0] as string
}
