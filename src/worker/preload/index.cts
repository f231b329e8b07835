/**
 * What `--require` in NODE_OPTIONS loads before a Node app: makes an app that knows nothing of autoup a worker of it.
 * It acts only on the main thread of the process that the master started (AUTOUP_PID). In worker threads, and on Nodes
 * that autoup does not support, it returns at once.
 */

import { isMainThread } from 'node:worker_threads'

const OLDEST_MAJOR = 20

const worker = Number(process.env.AUTOUP_PID)
if (isMainThread && worker > 0 && Number.parseInt(process.versions.node, 10) >= OLDEST_MAJOR) {
  // Loaded only where they act.
  if (worker === process.pid) {
    const { start }: typeof import('./start.cts') = require('./start.cjs')
    start()
  } else {
    const { witness }: typeof import('./witness.cts') = require('./witness.cjs')
    witness(worker)
  }
}
