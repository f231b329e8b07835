/** The status of a master on one line, as `systemctl status` shows it: `1.4.2 serves; checked 14:03; next 14:04`. */

import type { Standing } from '../core/status.ts'
import { clean } from './clean.ts'
import { stateSentence } from './state-sentence.ts'

/** More of what a source says is in the log. */
const LONGEST_MESSAGE = 120

export function statusLine(standing: Standing): string {
  const { lastCheck, nextCheckAt, paused } = standing
  const parts = [stateSentence(standing)]
  if (lastCheck) parts.push(checked(lastCheck))
  if (paused) parts.push('paused')
  if (nextCheckAt !== null) parts.push(`next ${clock(nextCheckAt)}`)
  return clean(parts.join('; '))
}

function checked({ at, result, message }: NonNullable<Standing['lastCheck']>): string {
  if (result !== 'error') return `checked ${clock(at)}`
  const text = message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE - 1)}…` : message
  return `check failed ${clock(at)} (${text})`
}

/** `14:03` of the local day. */
function clock(iso: string): string {
  return new Date(iso).toTimeString().slice(0, 5)
}
