/**
 * How much a stager may say. Each of its lines costs the master time, and each warning a line in the log of the
 * operator, so both end at some number: what is over is not shown, or it is no stager that behaves.
 */

import { TRUST_LIMITS } from '../../trust/limits.ts'
import type { StageProgress } from './stage-protocol.ts'

/** What becomes of a report: it is handed on, or kept from whoever listens, or the stager is ended for it. */
export type Passage = { readonly report: StageProgress } | 'withheld' | 'too-many'

/** For one stager. */
export function newReportGate(): (report: StageProgress) => Passage {
  let reports = 0
  let warnings = 0
  return (report) => {
    if (++reports > TRUST_LIMITS.reports) return 'too-many'
    if (report.type !== 'warning' || ++warnings <= TRUST_LIMITS.warnings) return { report }
    if (warnings > TRUST_LIMITS.warnings + 1) return 'withheld'
    return {
      report: {
        type: 'warning',
        message: `the source warns of more than ${TRUST_LIMITS.warnings} things: the rest is not shown`,
      },
    }
  }
}
