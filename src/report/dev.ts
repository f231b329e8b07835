/**
 * Events for whoever writes the app: one short line for what has changed and what came of it, so that the output of the
 * app itself is what one sees. Nothing is ever cleared: the error of the last start may stand right above.
 */

import { OVERTAKEN } from '../core/changed.ts'
import { formatDuration } from '../core/duration.ts'
import type { Stamped } from '../core/events.ts'
import { clean } from './clean.ts'
import { hasColor, type Paint, painter } from './color.ts'
import type { Output } from './output.ts'
import { sentence } from './sentence.ts'

type Line = readonly [color: Parameters<Paint>[0], text: string]

export function devReporter(stream: Output): (event: Stamped) => void {
  const paint = painter(hasColor(stream.isTTY === true))
  const narrator = new Narrator()
  return (event) => {
    const line = narrator.hear(event)
    if (line) stream.write(`${paint('dim', 'autoup:')} ${paint(line[0], clean(line[1]))}\n`)
  }
}

class Narrator {
  /** Pids that serve. */
  readonly #serving = new Set<number>()
  /** Why nothing serves was said since the last change. */
  #isTold = false

  hear(event: Stamped): Line | null {
    switch (event.type) {
      case 'listening':
        return ['cyan', `listens on ${event.address}`]
      case 'watch-started':
        return ['cyan', `follows ${event.directory}; Ctrl-C ends it`]
      case 'files-changed':
        this.#isTold = false
        return ['cyan', sentence(event).text]
      case 'worker-ready':
        this.#serving.add(event.pid)
        // Of later generations the promotion tells.
        return event.generation === 1 ? ['green', `ready after ${formatDuration(event.afterMs)}`] : null
      case 'worker-draining':
      case 'worker-exited':
        this.#serving.delete(event.pid)
        return null
      case 'promotion-ready':
        return ['green', `swapped after ${formatDuration(event.afterMs)}`]
      case 'promotion-failed':
        if (event.reason === OVERTAKEN.reason || this.#isTold) return null
        return ['red', `the new one failed: ${event.reason}; ${this.#whatServes()}`]
      case 'worker-failed':
        this.#isTold = event.retryInMs === null
        return ['red', `failed: ${event.reason}; ${event.retryInMs === null ? this.#whatServes() : 'it starts again'}`]
      case 'worker-killed':
      case 'warning':
        return ['yellow', sentence(event).text]
      case 'reload-finished':
        return event.outcome === 'refused' ? ['red', event.message] : null
      case 'settings-applied':
        return ['green', sentence(event).text]
      default:
        return null
    }
  }

  #whatServes(): string {
    return this.#serving.size > 0 ? 'the one before serves on' : 'it waits for a change'
  }
}
