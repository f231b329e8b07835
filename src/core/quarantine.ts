/** What failed here and is not tried again by itself, and what lifts it. Pure functions over the ledger. */

import { type Build, type BuildId, nameOf } from './build.ts'
import type { Ledger, QuarantineEntry, QuarantineRule } from './ledger.ts'
import { LIMITS } from './settings.ts'

/** The entry that holds this build back under this launch, or null. */
export function heldBy(ledger: Ledger, build: BuildId, launch: string): QuarantineEntry | null {
  return ledger.quarantine.find((entry) => entry.build === build && applies(entry, launch)) ?? null
}

/** Every entry that holds under this launch: what the stager is told. */
export function heldUnder(ledger: Ledger, launch: string): readonly QuarantineEntry[] {
  return ledger.quarantine.filter((entry) => applies(entry, launch))
}

/** What whoever asks for such a build is told. */
export function heldSentence({
  build,
  version,
  reason,
}: Pick<QuarantineEntry, 'build' | 'version' | 'reason'>): string {
  return `${nameOf({ id: build, version })} is in quarantine (${reason}); \`autoup upgrade --again\` tries it once`
}

/** The committed build is never quarantined: a failure of it here is the machine's or the configuration's. */
export function quarantine(
  ledger: Ledger,
  build: Pick<Build, 'id' | 'version'>,
  verdict: { readonly reason: string; readonly rule: QuarantineRule; readonly launch: string; readonly at: string },
): Ledger {
  if (ledger.committed?.id === build.id) return ledger
  const { reason, rule, at } = verdict
  const entry: QuarantineEntry = {
    build: build.id,
    version: build.version,
    reason,
    at,
    rule,
    launch: rule === 'behaviour' ? verdict.launch : null,
  }
  const others = lift(ledger, build.id).quarantine
  return { ...ledger, quarantine: [...others, entry].slice(-LIMITS.quarantine) }
}

export function lift(ledger: Ledger, build: BuildId): Ledger {
  return { ...ledger, quarantine: ledger.quarantine.filter((entry) => entry.build !== build) }
}

function applies(entry: QuarantineEntry, launch: string): boolean {
  return entry.rule !== 'behaviour' || entry.launch === launch
}
