import { expect, test } from 'vitest'
import { EMPTY_LEDGER } from '../../src/core/ledger.ts'
import { heldBy, quarantine } from '../../src/core/quarantine.ts'
import { LIMITS } from '../../src/core/settings.ts'

const VERDICT = { reason: 'exited with 1', rule: 'behaviour', launch: 'launch-1', at: '2026-01-01T00:00:00Z' } as const

test('a source that never gives out anything good does not fill the record: the oldest verdicts go', () => {
  let ledger = EMPTY_LEDGER
  for (let n = 0; n <= LIMITS.quarantine; n++) {
    ledger = quarantine(ledger, { id: `sha256-${n}`, version: String(n) }, VERDICT)
  }
  expect(ledger.quarantine).toHaveLength(LIMITS.quarantine)
  expect(heldBy(ledger, 'sha256-0', 'launch-1')).toBeNull()
  expect(heldBy(ledger, `sha256-${LIMITS.quarantine}`, 'launch-1')).not.toBeNull()
})
