/**
 * A terminal taken over for a while: the alternate screen, no cursor, keys as they are pressed (xterm's control
 * sequences). A picture is written in one piece, line over line, between the marks of a synchronized update, so that
 * nothing flickers. However it ends (a key, a signal, an error) the terminal is given back as it was; Ctrl-Z gives it
 * back until the process goes on.
 */

import type { ReadStream, WriteStream } from 'node:tty'
import { cut } from '../report/layout.ts'
import { ENDING_SIGNALS } from './told-to-end.ts'

export interface Screen {
  readonly columns: number
  readonly rows: number
  /** What does not fit is left out, and said to be. */
  draw(lines: readonly string[]): void
  close(): void
}

export interface ScreenEvents {
  /** q, Esc, Ctrl-C or Ctrl-D, or a signal that ends. */
  readonly onLeave: () => void
  /** Another size, or back from the background: the picture is gone. */
  readonly onRedraw: () => void
}

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[?2026h\u001b[H'
const TO_LINE_END = '\u001b[K'
const REST = '\u001b[J\u001b[?2026l'

const CTRL_Z = '\u001a'
const LEAVING = new Set(['q', 'Q', '\u001b', '\u0003', '\u0004'])

export function openScreen(stdin: ReadStream, stdout: WriteStream, { onLeave, onRedraw }: ScreenEvents): Screen {
  const enter = (): void => {
    stdout.write(ENTER)
    if (stdin.isTTY) stdin.setRawMode(true)
  }
  const leave = (): void => {
    if (stdin.isTTY) stdin.setRawMode(false)
    stdout.write(LEAVE)
  }
  const onKeys = (keys: string): void => {
    if (LEAVING.has(keys)) onLeave()
    else if (keys === CTRL_Z) {
      leave()
      process.kill(process.pid, 'SIGTSTP')
    }
  }
  const onContinue = (): void => {
    enter()
    onRedraw()
  }
  // Whoever reads no keys (</dev/null) is told by signals alone.
  if (stdin.isTTY) stdin.setEncoding('utf8').on('data', onKeys).on('end', onLeave).on('error', onLeave)
  stdout.on('resize', onRedraw)
  for (const signal of ENDING_SIGNALS) process.on(signal, onLeave)
  process.on('SIGCONT', onContinue)
  enter()
  return {
    get columns() {
      // 0 where nobody has measured it, as on a serial console.
      return stdout.columns || 80
    },
    get rows() {
      return stdout.rows || 24
    },
    draw(lines) {
      const { rows, columns } = this
      const left = lines.length - rows
      const shown = left > 0 ? [...lines.slice(0, rows - 1), `… ${left + 1} more lines`] : lines
      stdout.write(`${HOME}${shown.map((line) => `${cut(line, columns)}${TO_LINE_END}`).join('\r\n')}${REST}`)
    },
    close() {
      leave()
      stdin.off('data', onKeys).off('end', onLeave).off('error', onLeave)
      stdin.pause()
      stdout.off('resize', onRedraw)
      for (const signal of ENDING_SIGNALS) process.off(signal, onLeave)
      process.off('SIGCONT', onContinue)
    },
  }
}
