/**
 * `autoup completion`: a script for a shell, made from the tables of the commands, so that it knows what this version
 * knows. The names of the services that run are asked for when they are needed, by `autoup completion names`.
 */

import { AutoupError } from '../core/errors.ts'
import type { CommandEntry, CommandSpec } from './command.ts'
import type { CompletedCommand } from './completion/words.ts'
import { STATE_DIR, stateDirectory } from './where.ts'

const SCRIPTS: Readonly<Record<string, () => Promise<(commands: readonly CompletedCommand[]) => string>>> = {
  bash: async () => (await import('./completion/bash.ts')).bashScript,
  zsh: async () => (await import('./completion/zsh.ts')).zshScript,
  fish: async () => (await import('./completion/fish.ts')).fishScript,
}

/** For these commands, itself among them. */
export function completionOf(commands: Readonly<Record<string, CommandEntry>>): CommandSpec {
  return {
    name: 'completion',
    description:
      'Prints a script for bash, zsh or fish that completes commands, options, their values and the names of services that run; or with `names` these names.',
    takes: 'name',
    word: 'SHELL',
    words: Object.keys(SCRIPTS),
    options: [STATE_DIR],
    examples: [
      ['autoup completion bash > /etc/bash_completion.d/autoup', 'for all users'],
      ['autoup completion fish > ~/.config/fish/completions/autoup.fish', 'for you'],
    ],
    async run(input, io) {
      if (input.name === 'names') {
        const { runningUnder } = await import('./control-client.ts')
        for (const { name } of await runningUnder(stateDirectory(input, io))) io.stdout.write(`${name}\n`)
        return 0
      }
      const name = input.name ?? ''
      const load = Object.hasOwn(SCRIPTS, name) ? SCRIPTS[name] : undefined
      if (!load) {
        const what = name === '' ? 'say for which shell' : `'${name}' is no shell that is known here`
        throw new AutoupError('usage', `${what}: write bash, zsh or fish`)
      }
      const [script, { completedCommands }] = await Promise.all([load(), import('./completion/words.ts')])
      io.stdout.write(script(await completedCommands(commands)))
      return 0
    },
  }
}
