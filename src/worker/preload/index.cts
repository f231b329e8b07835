/**
 * What `--require` in NODE_OPTIONS loads before a Node app: makes an app that knows nothing of autoup a worker of it.
 * It acts only on the main thread of the process that the master started (AUTOUP_PID). In worker threads it returns at
 * once; the master sees to it that Nodes before 20 do not come here.
 */

import { isMainThread } from 'node:worker_threads'

const worker = Number(process.env.AUTOUP_PID)
if (isMainThread && worker > 0) {
  const { isLauncher }: typeof import('./launchers.cts') = require('./launchers.cjs')
  // The rest is loaded only where it acts. What a launcher starts must find everything as it is, to say what is wrong.
  if (worker === process.pid && !isLauncher(process.argv[1])) {
    const { restoreNodeOptions }: typeof import('./contract.cts') = require('./contract.cjs')
    const { start }: typeof import('./start.cts') = require('./start.cjs')
    restoreNodeOptions(process.env)
    start()
  } else {
    const { witness }: typeof import('./witness.cts') = require('./witness.cjs')
    witness(worker)
  }
}
