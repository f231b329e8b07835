/**
 * What `--require` in NODE_OPTIONS loads before a Node app: makes an app that knows nothing of autoup a worker of it.
 * It acts only on the main thread of the process that the master started (AUTOUP_PID); everywhere else it returns at
 * once. Nodes that autoup does not support get nothing but this file.
 */

import { isMainThread } from 'node:worker_threads'

const OLDEST_MAJOR = 20

if (isMainThread && Number.parseInt(process.versions.node, 10) >= OLDEST_MAJOR && process.env.AUTOUP_PID) {
  // Loaded only where it acts.
  const { start }: typeof import('./start.cts') = require('./start.cjs')
  start()
}
