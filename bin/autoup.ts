#!/usr/bin/env node
/** The program `autoup`. All of it is in src/cli; only here a process may be ended. */

import { main } from '../src/cli/main.ts'

// Nobody reads on (`autoup events | head`): nothing is left to do. A master whose log is gone serves on.
process.stdout.on('error', () => process.exit())
process.stderr.on('error', () => {})

process.exitCode = await main(process.argv.slice(2))
