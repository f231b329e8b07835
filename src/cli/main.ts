/**
 * The command line from its words to its exit status. A mistake of the user is one sentence on stderr and the status
 * of DESIGN.md section 5; a bug is a stack and 1. Nothing here or below ends the process.
 */

import { AutoupError, EXIT_STATUS } from '../core/errors.ts'
import { loadCommand } from './commands.ts'
import type { Io } from './io.ts'
import { quickParse } from './quick-parse.ts'

/** `args` without the interpreter and the script. */
export async function main(args: readonly string[], io: Io): Promise<number> {
  try {
    const [name = '', ...rest] = args
    const spec = await loadCommand(name)
    const input = spec && quickParse(spec, rest)
    if (spec && input) return await spec.run(input, io)
    const { runProgram } = await import('./program.ts')
    return await runProgram(args, io)
  } catch (error) {
    if (!(error instanceof AutoupError)) {
      io.stderr.write(
        `autoup: this is a bug in autoup; please report it:\n${error instanceof Error ? error.stack : error}\n`,
      )
      return 1
    }
    io.stderr.write(`autoup: ${error.message}\n`)
    return EXIT_STATUS[error.code]
  }
}
