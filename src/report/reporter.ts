/** The presenter for a log format. */

import { unreachable } from '../core/errors.ts'
import type { Stamped } from '../core/events.ts'
import type { LogFormat } from '../core/settings.ts'
import { journalReporter } from './journal.ts'
import { jsonReporter } from './json.ts'
import type { Output } from './output.ts'
import { prettyReporter } from './pretty.ts'

export function createReporter(format: LogFormat, stream: Output): (event: Stamped) => void {
  switch (format) {
    case 'pretty':
      return prettyReporter(stream)
    case 'journal':
      return journalReporter(stream)
    case 'json':
      return jsonReporter(stream)
    default:
      return unreachable(format)
  }
}
