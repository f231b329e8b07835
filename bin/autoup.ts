#!/usr/bin/env node
/** The program `autoup`. All of it is in src/cli; only here a process may be ended. */

import { processIo } from '../src/cli/io.ts'
import { main } from '../src/cli/main.ts'
import { unwritten } from '../src/cli/outcome.ts'

const io = processIo((error) => {
  process.exitCode = unwritten(error, io) ?? process.exitCode
  // As for any program of Unix; Node itself ignores the signal. Who has something to end before he ends listens to it.
  if (!process.emit('SIGPIPE', 'SIGPIPE')) process.exit()
})
process.exitCode = await main(process.argv.slice(2), io)
await io.end()
// Where something went wrong nothing is to go on: what a master that failed has left open would keep its process and
// its lock.
if (process.exitCode !== 0) process.exit()
