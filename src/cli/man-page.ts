/**
 * The man page autoup(1) in the language of man(7), from the same tables as the help. Made by the build
 * (make-man-page.ts) and never edited; what a service needs to know beyond its options is in docs/.
 */

import { type CommandEntry, environmentName, type OptionSpec } from './command.ts'
import { RUN_OPTIONS } from './run-options.ts'

/** `release` is the version of autoup. */
export async function manPage(commands: Readonly<Record<string, CommandEntry>>, release: string): Promise<string> {
  const specs = await Promise.all(
    Object.values(commands).map(async ({ summary, load }) => ({ summary, ...(await load()) })),
  )
  const common = new Set<OptionSpec>(RUN_OPTIONS)
  const lines = [
    `.TH AUTOUP 1 "" "autoup ${text(release)}" "User Commands"`,
    '.SH NAME',
    'autoup \\- keeps a service up to date and up',
    '.SH SYNOPSIS',
    ...specs.flatMap(({ name, takes, word }, index) => [...(index > 0 ? ['.br'] : []), synopsis(name, takes, word)]),
    '.SH DESCRIPTION',
    paragraph(
      'A master polls a release source, verifies and stages each new build, and swaps the running workers for it without refusing or resetting a connection. If the new build does not prove itself, the old one serves on, and the bad one is not tried again.',
    ),
    '.SH COMMANDS',
    ...specs.flatMap(({ name, summary, description, options, examples, notes }) => {
      const isLikeRun = name !== 'run' && RUN_OPTIONS.every((option) => options.includes(option))
      const own = isLikeRun ? options.filter((option) => !common.has(option)) : options
      return [
        `.SS autoup ${text(name)}`,
        paragraph(description ?? `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`),
        ...own.flatMap((option) => optionLines(option)),
        ...(isLikeRun ? ['.PP', 'All options of', '.B autoup run', 'as well.'] : []),
        '.PP',
        'Examples:',
        ...examples.flatMap(([line, what]) => ['.PP', '.RS 4', `.B ${text(line)}`, '.br', paragraph(what), '.RE']),
        ...(notes ? ['.PP', ...notes.split('\n').map(paragraph)] : []),
      ]
    }),
    '.SH EXIT STATUS',
    ...EXITS.flatMap(([status, what]) => ['.TP', `.B ${status}`, paragraph(what)]),
    '.SH SEE ALSO',
    '.BR systemd.service (5),',
    '.BR systemd.socket (5),',
    '.BR sd_notify (3),',
    '.BR sd_listen_fds (3)',
  ]
  return `${lines.join('\n')}\n`
}

const EXITS = [
  ['0', 'Done.'],
  ['1', 'Failed, or the lock is held.'],
  ['2', 'A mistake of usage, or in the configuration.'],
  ['3', 'Not running.'],
  ['4', 'Not known: the master is of another user, or does not answer.'],
  ['5', 'Refused: the bytes were not trusted.'],
  ['6', 'Rolled back, or in quarantine.'],
  ['7', 'Timed out.'],
  ['126, 127', 'The command is not executable, or not found.'],
] as const

function synopsis(name: string, takes: string, word = '[name]'): string {
  const rest = { nothing: '', name: ` ${word}`, command: ` ${word} [-- command [args...]]` }[takes] ?? ''
  return `.B autoup ${text(name)}\n${paragraph(`[options]${rest}`)}`
}

function optionLines(option: OptionSpec): string[] {
  const { flag, value, help, choices, default: usual, isRepeatable, hasVariable } = option
  const head = `\\fB\\-\\-${text(flag)}\\fR${value === undefined ? '' : ` \\fI${text(value)}\\fR`}`
  const more = [
    ...(choices ? [`One of ${choices.join(', ')}.`] : []),
    ...(usual === undefined ? [] : [`Default: ${usual}.`]),
    ...(isRepeatable ? ['May be given several times.'] : []),
    ...(hasVariable ? [`Environment: ${environmentName(option)}.`] : []),
  ]
  return ['.TP', head, ...[`${help}.`, ...more].map(paragraph)]
}

/** One line of text that is no request. */
function paragraph(line: string): string {
  return text(line).replace(/^[.']/, '\\&$&')
}

/** As groff_char(7) has them: a minus that can be copied, and characters that every device knows. */
function text(line: string): string {
  return line
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replaceAll('`', '\\(ga')
    .replaceAll('…', '...')
    .replaceAll('"', '\\(dq')
}
