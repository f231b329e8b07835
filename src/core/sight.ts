/** All that a master can show of itself at one moment: what /metrics and the page are made of, and nothing more. */

import type { CheckResult, Stamped } from './events.ts'
import type { ReleaseRow, Status } from './status.ts'
import type { Tally } from './tally.ts'

/** What /metrics says. */
export interface Measures {
  readonly status: Status
  readonly tally: Tally
  readonly master: ProcessMeasures
}

/** The master itself, as every Prometheus client library measures its process. */
export interface ProcessMeasures {
  readonly startedAt: string
  readonly cpuSeconds: number
  /** Bytes. */
  readonly residentMemory: number
  readonly openDescriptors: number
  readonly maxDescriptors: number | null
}

export interface CheckRecord {
  readonly at: string
  readonly result: CheckResult
  readonly message: string
}

/** What the page shows. */
export interface Sight {
  readonly status: Status
  /** In the store, newest first. */
  readonly releases: readonly ReleaseRow[]
  /** What this master still has of what it said, oldest first. */
  readonly events: readonly Stamped[]
  /** The last checks, oldest first. */
  readonly checks: readonly CheckRecord[]
  /** Of a download that goes on. */
  readonly progress: Extract<Stamped, { type: 'fetch-progress' }> | null
}
