/**
 * The decisions that outlive the master: `state.json`. The supervisor holds it as a value and asks for it to be
 * written whenever it changed; nothing that it has not recorded is started.
 */

import type { Build, BuildId } from './build.ts'

/** Raised when an older autoup could not read what this one writes. */
export const LEDGER_FORMAT = 1

/** Why a build is held back, and what lifts it. */
export type QuarantineRule =
  /** The bytes themselves are bad; nothing lifts it but `--again`. */
  | 'bytes'
  /** It misbehaved under this launch; another launch lifts it. */
  | 'behaviour'
  /** The operator rolled it back. */
  | 'operator'

export interface QuarantineEntry {
  readonly build: BuildId
  readonly version: string
  readonly reason: string
  /** ISO 8601. */
  readonly at: string
  readonly rule: QuarantineRule
  /** For `behaviour`: the launch it failed under. */
  readonly launch: string | null
}

export interface Candidate {
  readonly build: Build
  /** Lowered and recorded before each start, so that a crash of the machine costs one. */
  readonly attemptsLeft: number
}

export interface Ledger {
  readonly format: typeof LEDGER_FORMAT
  readonly committed: Build | null
  readonly previous: Build | null
  readonly candidate: Candidate | null
  /** Version floor: no release below it is taken without `--allow-downgrade`. */
  readonly floor: string | null
  /** Trust ratchet: the strongest proof that a committed build had; a release with less is not taken. */
  readonly ratchet: string | null
  readonly quarantine: readonly QuarantineEntry[]
  /** What the last check of this source remembered; opaque to all but its fetcher. */
  readonly known: Remembered | null
  /** Listeners by their `formatAddress`, with the inode of the socket: how orphans are matched. */
  readonly listeners: readonly { readonly address: string; readonly inode: number }[]
  readonly paused: boolean
}

export interface Remembered {
  readonly source: string
  /** Under another look (lookKey) everything is looked at anew, since that may lift a verdict. */
  readonly look: string
  readonly value: unknown
  /** The build it led to, or null where there was none. */
  readonly build: BuildId | null
  /** Why what was there was not taken, where that holds no build back. */
  readonly refusal: { readonly version: string; readonly reason: string } | null
}

export const EMPTY_LEDGER: Ledger = {
  format: LEDGER_FORMAT,
  committed: null,
  previous: null,
  candidate: null,
  floor: null,
  ratchet: null,
  quarantine: [],
  known: null,
  listeners: [],
  paused: false,
}
