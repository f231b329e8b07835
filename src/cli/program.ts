/**
 * The commands as commander sees them: help, mistakes with suggestions, and every command line that `quickParse` left
 * alone. Loaded only then; and of a command that is not named, no more than its line in the help.
 */

import { Command, CommanderError, Option } from 'commander'
import { AutoupError } from '../core/errors.ts'
import { hasColor, painter } from '../report/color.ts'
import { type CommandEntry, type CommandSpec, environmentName, type Input, type OptionSpec } from './command.ts'
import { COMMANDS, loadCommand } from './commands.ts'
import type { Io } from './io.ts'
import { ownCommand, ownOption } from './other-words.ts'
import { exampleLines, helpWidth, programHelp } from './program-help.ts'
import { version } from './version.ts'

/** Throws AutoupError `usage` for what cannot be understood. */
export async function runProgram(words: readonly string[], io: Io): Promise<number> {
  const args = withoutHelpCommand(words)
  let job: (() => Promise<number>) | null = null
  const program = root(io)
  for (const [name, entry] of Object.entries(COMMANDS)) {
    const command = outline(program, name, entry)
    // It may stand anywhere: `autoup --help run`.
    if (!args.includes(name)) continue
    const spec = await entry.load()
    const read = define(command, spec)
    command.action(() => {
      job = () => spec.run(read(args), io)
    })
  }
  try {
    program.parse(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return 0
    const spec = await loadCommand(args[0] ?? '')
    const [, option] = /^error: unknown option '([^']+)'$/.exec(error.message) ?? []
    const at = spec?.takes === 'command' && option !== undefined ? firstWord(spec, args) : -1
    if (at > 0 && at < args.findIndex((arg) => arg.startsWith(option as string))) throw withoutDashes(args, at)
    throw new AutoupError('usage', sentenceOf(error.message, spec))
  }
  // TypeScript does not see that an action has run.
  return (job as (() => Promise<number>) | null)?.() ?? 0
}

/** `autoup help run` is `autoup run --help`. */
function withoutHelpCommand(words: readonly string[]): readonly string[] {
  const [help, name] = words
  if (help !== 'help' || name === undefined) return words
  return Object.hasOwn(COMMANDS, name) ? [name, '--help'] : [name]
}

export function root(io: Io): Command {
  const paint = painter(hasColor(io.stdout.isTTY === true, io.env))
  const program = new Command('autoup')
    .version(`autoup ${version()}`, '-V, --version')
    .helpOption('-h, --help')
    .helpCommand(false)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      // The mistake is told once, by main.
      outputError: () => {},
      getOutHelpWidth: () => helpWidth(io.stdout),
      getOutHasColors: () => true,
    })
    .configureHelp({
      styleTitle: (text) => paint('bold', text === 'Usage:' ? text : text.replace(/:$/, '')),
      styleOptionTerm: (text) => paint('cyan', text),
    })
  program.helpInformation = () => programHelp(io)
  return program
}

/** Adds the command to the program, as far as mistakes need it. */
export function outline(program: Command, name: string, { summary }: CommandEntry): Command {
  return program.command(name).description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`)
}

/** The rest of it; the result reads what was given, after the parsing. */
export function define(command: Command, spec: CommandSpec): (args: readonly string[]) => Input {
  const word = spec.word ?? '[name]'
  const usage = { nothing: '[options]', name: `[options] ${word}`, command: `[options] ${word} [-- command [args…]]` }
  const options = new Map<string, string[]>()
  command
    .description(spec.description ?? command.description())
    .usage(usage[spec.takes])
    .helpOption('-h, --help', 'this help')
    .allowExcessArguments(false)
  if (spec.takes === 'name') command.argument('[name]')
  if (spec.takes === 'command') command.argument('[command...]')
  for (const each of spec.options) {
    const flags = each.value === undefined ? `--${each.flag}` : `--${each.flag} <${each.value}>`
    const option = new Option(flags, helpOf(each))
    command.addOption(each.group === undefined ? option : option.helpGroup(each.group))
    command.on(`option:${option.name()}`, (value: string | null) => {
      options.set(each.flag, [...(options.get(each.flag) ?? []), value ?? ''])
    })
  }
  command.configureHelp({
    ...command.configureHelp(),
    visibleArguments: () => [],
    optionTerm: (option) => option.flags.replace(/<(.*)>$/, '$1'),
  })
  command.addHelpText('after', () => {
    const title = command.createHelp().styleTitle('Examples')
    const wrap = (text: string, indent: number): string => wrapped(command, text, indent)
    return `\n${[title, ...exampleLines(spec.examples, widthOf(command), wrap)].join('\n')}`
  })
  for (const paragraph of spec.notes?.split('\n\n') ?? []) {
    command.addHelpText('after', () => `\n${wrapped(command, paragraph, 0)}`)
  }
  return (args) => {
    if (spec.takes !== 'command') return { options, name: command.args[0], command: [] }
    const [words, behind] = splitAtDashes(command.args, args)
    if (words.length > 1) throw withoutDashes(args, args.indexOf(words[0] as string))
    return { options, name: words[0], command: behind }
  }
}

/** What stands before `--`, and the command behind it. */
function splitAtDashes(words: readonly string[], args: readonly string[]): [readonly string[], readonly string[]] {
  for (let at = args.indexOf('--'); at >= 0; at = args.indexOf('--', at + 1)) {
    const behind = args.slice(at + 1)
    const before = words.length - behind.length
    if (before >= 0 && behind.every((word, index) => words[before + index] === word)) {
      return [words.slice(0, before), behind]
    }
  }
  return [words, []]
}

/** A mistyped option would silently become the command, or one of its arguments an option. `at` is its first word. */
function withoutDashes(args: readonly string[], at: number): AutoupError {
  const command = args.slice(at).filter((word) => word !== '--')
  const line = ['autoup', ...args.slice(0, at), '--', ...command].join(' ')
  return new AutoupError('usage', `put -- before the command: ${line}`)
}

/** Where the words begin that are neither an option nor the value of one; -1 where there are none. */
function firstWord({ options }: CommandSpec, args: readonly string[]): number {
  for (let at = 1; at < args.length; at++) {
    const arg = args[at] as string
    if (!arg.startsWith('-')) return at
    if (options.some(({ flag, value }) => arg === `--${flag}` && value !== undefined)) at++
  }
  return -1
}

/** With its default, and where else it may stand. */
function helpOf(option: OptionSpec): string {
  const usual = option.default === undefined ? '' : ` (default: ${option.default})`
  return `${option.help}${usual}${option.hasVariable ? ` [${environmentName(option)}]` : ''}`
}

function wrapped(command: Command, text: string, indent: number): string {
  const lines = command.createHelp().boxWrap(text.replaceAll('\n', ' '), widthOf(command) - indent)
  return lines.replace(/^/gm, ' '.repeat(indent))
}

function widthOf(command: Command): number {
  return command.configureOutput().getOutHelpWidth?.() ?? helpWidth({})
}

/** `error: unknown option '--x'\n(Did you mean --y?)` as one sentence. */
function sentenceOf(message: string, spec: CommandSpec | null): string {
  const help = ['autoup', ...(spec === null ? [] : [spec.name]), '--help'].join(' ')
  const [, kind, word = ''] = /^error: unknown (command|option) '([^']*)'/.exec(message) ?? []
  const own = kind === 'command' ? ownCommand(word) : kind === 'option' ? ownOption(word, spec) : null
  if (own !== null) return `unknown ${kind} '${word}': here it is ${own}`
  return message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*\(Did you mean (.*)\?\)/, ': did you mean $1?')
    .replace(/^unknown (option|command) '[^']*'$/, `$&: see ${help}`)
    .replace(/^option '(\S+) <(.*)>' argument missing$/, '$1 needs a value: write $1 $2')
    .replace(/^too many arguments for '(\w+)'.*$/, "too many words for '$1': see autoup $1 --help")
    .trim()
}
