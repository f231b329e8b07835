/** `--ready`: how a new worker shows that it serves (DESIGN.md section 4). */

import { parseDuration } from '../core/duration.ts'
import { AutoupError } from '../core/errors.ts'
import type { Ready } from '../core/settings.ts'

const FORMS = 'write auto, notify, http:/path, tcp, exec:COMMAND or uptime:3s'

/** Throws AutoupError `usage` with the forms it would take. */
export function parseReady(text: string): Ready {
  const [, kind = '', detail] = /^([^:]*)(?::(.*))?$/s.exec(text) ?? []
  if ((kind === 'auto' || kind === 'notify' || kind === 'tcp') && detail === undefined) return { kind }
  if (kind === 'http') {
    if (detail && /^\/[!-~]*$/.test(detail)) return { kind, path: detail }
    throw bad(text, 'http: takes the path to ask for, such as http:/health')
  }
  if (kind === 'exec') {
    if (detail?.trim()) return { kind, command: detail }
    throw bad(text, 'exec: takes a command that exits 0 when the worker serves')
  }
  if (kind === 'uptime') {
    const ms = parseDuration(detail ?? '')
    if (ms > 0) return { kind, ms }
    throw bad(text, 'uptime: takes how long a worker must have lived')
  }
  throw bad(text, FORMS)
}

function bad(text: string, what: string): AutoupError {
  return new AutoupError('usage', `'${text}' is no way to be ready: ${what}`)
}
