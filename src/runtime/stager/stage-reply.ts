/** What whoever asked for a look at the source, or for a build in the store, is told of how it ended. */

import { refusalOf } from '../../core/build.ts'
import { unreachable } from '../../core/errors.ts'
import type { CheckEnd } from '../../core/pipeline.ts'
import { heldSentence, heldUnder } from '../../core/quarantine.ts'
import type { State } from '../../core/state.ts'
import type { ControlReply } from '../control/server.ts'

/** To a look that has found a release and does not fetch it: what it has of its bytes is the version. */
export function replyToLook(
  version: string,
  { ledger, policy, promotion }: Pick<State, 'ledger' | 'policy' | 'promotion'>,
): ControlReply {
  const reply = { version, exit: 0 }
  if (version === ledger.committed?.version)
    return { ...reply, outcome: 'unchanged', message: `nothing new: ${version} is the newest` }
  if (version === promotion?.target.version)
    return { ...reply, outcome: 'unchanged', message: `nothing new: ${version} is being promoted` }
  const held = heldUnder(ledger, policy.launch).find((entry) => entry.version === version)
  if (held) return { ...reply, outcome: 'quarantined', message: heldSentence(held) }
  return { ...reply, outcome: 'available', message: `${version} is there: \`autoup upgrade\` takes it now` }
}

export function replyTo(report: CheckEnd, state: Pick<State, 'ledger'>): ControlReply {
  switch (report.type) {
    case 'staged': {
      const { version, id } = report.build
      const isCurrent = id === state.ledger.committed?.id
      const message = isCurrent ? `nothing new: ${version} is the newest` : `${version} is staged as ${id}`
      return { outcome: 'unchanged', message, version, exit: 0 }
    }
    case 'unchanged':
      return { outcome: 'unchanged', message: 'nothing new', version: null, exit: 0 }
    case 'refused':
      return {
        outcome: 'refused',
        message: refusalOf(report),
        version: report.version,
        exit: 5,
      }
    case 'held':
      return { outcome: 'quarantined', message: heldSentence(report), version: report.version, exit: 6 }
    case 'incomplete':
      return { outcome: 'incomplete', message: report.message, version: null, exit: 1 }
    case 'error':
      return { outcome: 'failed', message: report.message, version: null, exit: 1 }
    default:
      return unreachable(report)
  }
}
