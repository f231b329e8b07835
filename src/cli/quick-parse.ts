/**
 * Understands a command line without a mistake in it, in microseconds. Anything else (help, short options, typos, a
 * value that looks like an option) is null, and commander has the word: it accepts all that this does and more.
 */

import type { CommandSpec, Input } from './command.ts'

export function quickParse(spec: Pick<CommandSpec, 'options' | 'takes'>, args: readonly string[]): Input | null {
  const options = new Map<string, string[]>()
  const words: string[] = []
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string
    if (arg === '--') {
      if (spec.takes !== 'command' || words.length > 1) return null
      return { options, name: words[0], command: args.slice(at + 1) }
    }
    if (!arg.startsWith('-')) {
      words.push(arg)
      continue
    }
    const [, flag, inline] = /^--([a-z][a-z0-9-]*)(?:=(.*))?$/s.exec(arg) ?? []
    const option = spec.options.find((each) => each.flag === flag)
    if (!option || (option.value === undefined && inline !== undefined)) return null
    const value = option.value === undefined ? '' : (inline ?? args[++at])
    if (value === undefined || (inline === undefined && value.startsWith('-'))) return null
    options.set(option.flag, [...(options.get(option.flag) ?? []), value])
  }
  if (words.length > (spec.takes === 'nothing' ? 0 : 1)) return null
  return { options, name: words[0], command: [] }
}
