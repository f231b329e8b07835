/** A terminal that a test can look at: a tmux server of its own, with one window of a given size. */

import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../../src/core/errors.ts'
import { temporaryDirectory } from './master.ts'
import { onEnd } from './on-end.ts'
import { until } from './until.ts'

export interface Terminal {
  /** What it shows now, line by line, without blanks at the ends. */
  lines(): string[]
  /** With the colours. */
  colours(): string
  /** With the colours, from the first line on. */
  record(): string
  /** Waits until what it shows matches. */
  shows(pattern: RegExp, deadlineMs?: number): Promise<string>
  /** Keys by tmux's names: `q`, `C-c`, `Enter`. */
  keys(...names: string[]): void
  /** A line, whatever is in it, and Enter. */
  type(line: string): void
  resize(columns: number, rows: number): void
  /** tmux's own view: `#{alternate_on}`, `#{cursor_flag}`. */
  flag(format: string): string
}

export interface TerminalOptions {
  readonly columns?: number
  readonly rows?: number
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** A command line. */
  readonly shell?: string
}

/** A shell in it. */
export function openTerminal(options: TerminalOptions = {}): Terminal {
  const { columns = 100, rows = 30, env = {}, cwd = '/', shell = 'env PS1="$ " ENV= sh' } = options
  const socket = join(temporaryDirectory(), 'tmux')
  const tmux = (...args: string[]): string =>
    execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, HOME: '/', LANG: 'C.UTF-8', TERM: 'xterm-256color', ...env },
    })
  tmux('new-session', '-d', '-x', String(columns), '-y', String(rows), '-c', cwd, shell)
  onEnd(() => {
    tmux('kill-server')
    rmSync(socket, { force: true })
  })
  const lines = (): string[] => tmux('capture-pane', '-p').trimEnd().split('\n')
  return {
    lines,
    colours: () => tmux('capture-pane', '-p', '-e'),
    record: () => tmux('capture-pane', '-p', '-e', '-J', '-S', '-'),
    async shows(pattern, deadlineMs) {
      let text = ''
      try {
        return await until(
          `the terminal shows ${pattern}`,
          () => {
            text = lines().join('\n')
            return pattern.test(text) ? text : null
          },
          deadlineMs,
        )
      } catch (error) {
        throw new Error(`${messageOf(error)}; it shows:\n${text}`, { cause: error })
      }
    },
    keys: (...names) => void tmux('send-keys', ...names),
    type(line) {
      tmux('send-keys', '-l', line)
      tmux('send-keys', 'Enter')
    },
    resize: (width, height) => void tmux('resize-window', '-x', String(width), '-y', String(height)),
    flag: (format) => tmux('display-message', '-p', format).trim(),
  }
}
