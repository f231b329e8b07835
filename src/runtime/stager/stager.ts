/**
 * The stager: a short-lived child that does one job and says on descriptor 3 what came of it. Untrusted
 * bytes are parsed here and only here. It ends with its job, with its master (the socket closes), or by its deadline.
 * It starts confined (confined.ts): whatever it comes to be made to do, it can write to the store's tmp and no further.
 */

import { Socket } from 'node:net'
import type { StageReport, StagerOrder } from './stage-protocol.ts'

/** What the master has to say fits in far less. */
const ORDER_BYTES = 16_777_216

/** The process ends with it. */
export function serveOrder(): void {
  // A limit of its own memory (stager-process.ts), not of what it starts.
  delete process.env.NODE_OPTIONS
  const wire = new Socket({ fd: 3 })
  let received = ''
  wire.setEncoding('utf8')
  wire.on('error', () => process.exit(1))
  // The master is gone, and nobody would take what is staged.
  wire.on('end', () => process.exit(1))
  wire.on('data', readOrder)

  function readOrder(text: string): void {
    received += text
    const end = received.indexOf('\n')
    if (end < 0 && received.length < ORDER_BYTES) return
    wire.off('data', readOrder)
    // Else the end of the master would not be seen.
    wire.resume()
    void work(JSON.parse(received.slice(0, end)) as StagerOrder, wire)
  }
}

async function work(order: StagerOrder, wire: Socket): Promise<void> {
  const say = (report: StageReport): void => void wire.write(`${JSON.stringify(report)}\n`)
  const { runStageJob } = await import('./stage-job.ts')
  const verdict = await runStageJob(order, say, new AbortController().signal)
  say(verdict)
  wire.end(() => process.exit(0))
}
