/** How the last promotion or release ended: what somebody who opens the page after an alarm wants to read first. */

import type { Purpose, Stamped } from '../../core/events.ts'
import { type Html, html } from './html.ts'
import { time, titleOf } from './parts.ts'

export function verdict(events: readonly Stamped[]): Html | null {
  for (const event of events.toReversed()) {
    const said = verdictOf(event)
    if (said)
      return html`<p class="verdict ${said.tone}"><strong>${said.what}</strong> ${time(event.at)}${said.why}</p>`
  }
  return null
}

function committed(purpose: Purpose, title: string): string {
  return purpose === 'rollback' ? `${title} serves again, by rollback` : `${title} was committed`
}

function verdictOf(event: Stamped): { tone: 'good' | 'bad'; what: string; why: string } | null {
  switch (event.type) {
    case 'build-committed':
      return { tone: 'good', what: committed(event.purpose, titleOf(event)), why: '' }
    case 'promotion-ready':
      if (event.purpose !== 'restart') return null
      return { tone: 'good', what: `${titleOf(event)} was restarted`, why: '' }
    case 'rolled-back':
      return { tone: 'bad', what: `${event.from} failed, ${titleOf(event)} serves again`, why: `: ${event.reason}` }
    case 'promotion-failed':
      return { tone: 'bad', what: `${titleOf(event)} failed`, why: `: ${event.reason}` }
    case 'build-refused':
      return { tone: 'bad', what: `${titleOf(event) || 'a release'} was refused`, why: `: ${event.reason}` }
    default:
      return null
  }
}
