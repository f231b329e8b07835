/** The command line from its words to its exit status. Nothing here or below ends the process. */

import { loadCommand } from './commands.ts'
import type { Io } from './io.ts'
import { toldInFull } from './outcome.ts'
import { quickParse } from './quick-parse.ts'

/** `args` without the interpreter and the script. */
export async function main(args: readonly string[], io: Io): Promise<number> {
  try {
    const [name = '', ...rest] = args
    const spec = await loadCommand(name)
    const input = spec && quickParse(spec, rest)
    if (spec && input) return await spec.run(input, io)
    const { isHelp, programHelp } = await import('./program-help.ts')
    if (isHelp(args)) {
      io.stdout.write(programHelp(io))
      return 0
    }
    const { runProgram } = await import('./program.ts')
    return await runProgram(args, io)
  } catch (error) {
    return await toldInFull(error, io)
  }
}
