/** What can stand on a command line, in the terms that shells complete by. Taken from the tables of the commands. */

import { AutoupError } from '../../core/errors.ts'
import type { CommandEntry, CommandSpec, OptionSpec } from '../command.ts'

/** What completes a word: nothing that is known here, a file, a folder, a service that runs, or one of a few. */
export type Kind = 'free' | 'file' | 'folder' | 'service' | readonly string[]

export interface CompletedOption {
  readonly flag: string
  /** Null for a switch. */
  readonly value: { readonly name: string; readonly kind: Kind } | null
  readonly isRepeatable: boolean
  readonly help: string
}

export interface CompletedCommand {
  readonly name: string
  readonly summary: string
  readonly options: readonly CompletedOption[]
  /** The word beside the options, or null. */
  readonly word: Kind | null
  /** Whether another command line may follow `--`. */
  readonly takesCommand: boolean
}

const HELP: CompletedOption = { flag: 'help', value: null, isRepeatable: false, help: 'this help' }

export async function completedCommands(commands: Readonly<Record<string, CommandEntry>>): Promise<CompletedCommand[]> {
  return await Promise.all(
    Object.values(commands).map(async ({ summary, load }) => {
      const spec = await load()
      return {
        name: spec.name,
        summary,
        options: [...spec.options.map(completedOption), HELP],
        word: wordOf(spec),
        takesCommand: spec.takes === 'command',
      }
    }),
  )
}

export function isOneOf(kind: Kind): kind is readonly string[] {
  return typeof kind !== 'string'
}

/** For scripts that put words into quotes of their own: what is in the tables needs none. */
export function bare(words: readonly string[]): string {
  const odd = words.find((word) => !/^[\w.-]+$/.test(word))
  if (odd !== undefined) throw new AutoupError('failed', `'${odd}' cannot be completed by a shell; please report it`)
  return words.join(' ')
}

function completedOption({ flag, value, choices, isRepeatable = false, help }: OptionSpec): CompletedOption {
  const kind: Kind = choices ?? (value === undefined ? 'free' : kindOf(value))
  return { flag, value: value === undefined ? null : { name: value, kind }, isRepeatable, help }
}

function kindOf(placeholder: string): Kind {
  if (placeholder.includes('FILE')) return 'file'
  return placeholder.includes('DIR') ? 'folder' : 'free'
}

function wordOf({ takes, word, words }: CommandSpec): Kind | null {
  if (takes === 'nothing') return null
  if (words) return words
  return word === undefined ? 'service' : kindOf(word)
}
