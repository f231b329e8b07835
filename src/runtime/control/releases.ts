/** The builds of a store, newest first, with what is held back: the rows of `autoup releases`. */

import { readdir } from 'node:fs/promises'
import type { Ledger } from '../../core/ledger.ts'
import { heldUnder } from '../../core/quarantine.ts'
import type { ReleaseRow } from '../../core/status.ts'
import { readBuildFile } from '../../store/build-file.ts'
import type { StorePaths } from '../../store/layout.ts'

export async function listReleases(paths: StorePaths, ledger: Ledger, launch: string): Promise<readonly ReleaseRow[]> {
  const held = new Map(heldUnder(ledger, launch).map((entry) => [entry.build, entry]))
  const committed = new Map(
    [ledger.committed, ledger.previous].flatMap((build) => (build ? [[build.id, build.committedAt]] : [])),
  )
  const rows: ReleaseRow[] = []
  for (const id of await readdir(paths.builds)) {
    const file = readBuildFile(paths, id)
    if (!file) continue
    const { version, stagedAt, totals } = file
    const reason = held.get(id)?.reason ?? null
    rows.push({
      build: id,
      version,
      stagedAt,
      committedAt: committed.get(id) ?? null,
      state: stateOf(id, ledger, reason),
      size: totals.bytes,
      reason,
    })
    held.delete(id)
  }
  for (const { build, version, at, reason } of held.values()) {
    rows.push({ build, version, stagedAt: at, committedAt: null, state: 'quarantined', size: null, reason })
  }
  return rows.sort((a, b) => b.stagedAt.localeCompare(a.stagedAt))
}

function stateOf(id: string, ledger: Ledger, reason: string | null): ReleaseRow['state'] {
  if (id === ledger.committed?.id) return 'current'
  if (reason !== null) return 'quarantined'
  if (id === ledger.candidate?.build.id) return 'candidate'
  return id === ledger.previous?.id ? 'previous' : 'kept'
}
