/**
 * What master and stager say to each other, one JSON value per line: first the job, then reports, of which the last
 * is the verdict. The stager has had untrusted bytes in its memory, so the master looks at the shape of each line and
 * at its length before it believes it, and no text reaches an operator with control characters in it.
 */

import { type Budgets, isBudgetKey, readBudget } from '../../core/budget.ts'
import type { BuildId } from '../../core/build.ts'
import type { QuarantineEntry } from '../../core/ledger.ts'
import { printableLine } from '../../core/shown.ts'
import type { CallBudget, Known } from '../../core/source.ts'
import type { Floor } from '../../core/version-gate.ts'
import { isBuildId } from '../../store/build-file.ts'
import type { StorePaths } from '../../store/layout.ts'
import { TRUST_LIMITS } from '../../trust/limits.ts'

export interface StageJob {
  /** The release source as given. */
  readonly source: string
  readonly known: Known | null
  /** What `known` led to under another launch: where nothing is new, that build is the one to be staged. */
  readonly here?: BuildId | null
  /** No release below this version is taken, and no other bytes of the same one; null allows any. */
  readonly floor: Floor | null
  readonly allowDowngrade: boolean
  /** The strongest proof seen so far. */
  readonly ratchet: string | null
  /** As the `.pub` file has it; makes a signature mandatory. */
  readonly publicKey: string | null
  /** A release must be this old before it is taken. */
  readonly minAgeMs: number
  /** What is held back under the present launch. */
  readonly quarantined: readonly Pick<QuarantineEntry, 'build' | 'reason' | 'rule'>[]
  /** Try what is in quarantine, and look anew at what is known. */
  readonly again: boolean
  readonly store: StorePaths
  /** The digest that the operator asks for (`--sha256`), 64 hex digits. */
  readonly sha256: string | null
  /** The first word of the command, or null: the build's own entry is run. */
  readonly command: string | null
  /** The name of the service: decides between several entries. */
  readonly project: string
  /** PATH of the workers: where an interpreter may be. */
  readonly searchPath: string
  /** Bytes of an artifact, at most. */
  readonly maxBytes: number
  /** For the source, or null. It reaches the stager here and nowhere else. */
  readonly token: string | null
  /** Takes what nothing vouches for, and http: from anywhere. */
  readonly allowUnverified: boolean
  /** What sources have said of how often they may be asked. */
  readonly budgets: Budgets
}

/** What the child is told: `directory` is its own, in the store's tmp; it does not exist yet. */
export interface StagerOrder extends StageJob {
  readonly directory: string
}

/** Where a job's fetcher may put what it needs on disk. */
export function scratchOf(directory: string): string {
  return `${directory}-scratch`
}

export interface StagedBuild {
  readonly id: BuildId
  readonly version: string
  readonly proofs: readonly string[]
  readonly stagedAt: string
}

export type StageProgress =
  | { readonly type: 'checking' }
  | { readonly type: 'found'; readonly version: string; readonly name: string }
  /** What will have proved the bytes if they come as they were promised, before one of them is fetched. */
  | { readonly type: 'vouched'; readonly proofs: readonly string[] }
  | { readonly type: 'progress'; readonly bytes: number; readonly total: number | null }
  /** All bytes are here. */
  | { readonly type: 'verifying' }
  | { readonly type: 'warning'; readonly message: string }
  /** After each call of a source that counts them. */
  | { readonly type: 'budget'; readonly key: string; readonly budget: CallBudget }

/** Exactly one ends a job. */
export type StageVerdict =
  | { readonly type: 'unchanged'; readonly known: Known; readonly waitMs?: number }
  | { readonly type: 'incomplete'; readonly message: string; readonly waitMs?: number }
  /** `directory` null: it is in the store already. */
  | {
      readonly type: 'staged'
      readonly directory: string | null
      readonly build: StagedBuild
      readonly known: Known
    }
  /** With an id the bytes are bad, for good; without, it cannot be taken as things are. */
  | {
      readonly type: 'refused'
      readonly id: BuildId | null
      readonly version: string
      readonly reason: string
      readonly known: Known
    }
  /** In quarantine, and not asked for again. */
  | {
      readonly type: 'held'
      readonly id: BuildId
      readonly version: string
      readonly reason: string
      readonly known: Known
    }
  /** Network, disk, machine: nothing is decided. */
  | { readonly type: 'error'; readonly message: string; readonly waitMs?: number }

export type StageReport = StageProgress | StageVerdict

const VERDICTS: ReadonlySet<string> = new Set(['unchanged', 'incomplete', 'staged', 'refused', 'held', 'error'])

export function isVerdict(report: StageReport): report is StageVerdict {
  return VERDICTS.has(report.type)
}

/** Null for a line that is no report. `directory` is the one that the child was given. */
export function parseReport(line: string, directory: string): StageReport | null {
  if (line.length > TRUST_LIMITS.lineBytes) return null
  try {
    return shape(JSON.parse(line) as Record<string, unknown>, directory)
  } catch {
    return null
  }
}

/** Throws for what is not right; only fields that belong to the type are kept. */
function shape(value: Record<string, unknown>, directory: string): StageReport | null {
  const { type, known = null } = value
  if (isDeep(known)) return null
  switch (type) {
    case 'checking':
    case 'verifying':
      return { type }
    case 'found':
      return { type, version: text(value.version), name: text(value.name) }
    case 'vouched':
      return { type, proofs: proofsOf(value.proofs) }
    case 'progress':
      return { type, bytes: count(value.bytes), total: value.total === null ? null : count(value.total) }
    case 'warning':
      return { type, message: text(value.message) }
    case 'budget':
      return budgetReport(value)
    case 'incomplete':
    case 'error':
      return { type, message: text(value.message), ...wait(value.waitMs) }
    case 'unchanged':
      return { type, known, ...wait(value.waitMs) }
    case 'refused':
      return {
        type,
        id: value.id === null ? null : id(value.id),
        version: text(value.version),
        reason: text(value.reason),
        known,
      }
    case 'held':
      return { type, id: id(value.id), version: text(value.version), reason: text(value.reason), known }
    case 'staged':
      if (value.directory !== null && value.directory !== directory) return null
      return { type, directory: value.directory, build: build(value.build), known }
    default:
      return null
  }
}

/**
 * Nested beyond all use: JSON.stringify would run out of stack or, indented as `state.json` is, write gigabytes, each
 * time that the master records anything.
 */
export function isDeep(value: unknown, levels: number = TRUST_LIMITS.knownDepth): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((each) => isDeep(each, levels - 1))
}

function budgetReport({ key, budget }: Record<string, unknown>): StageReport | null {
  return isBudgetKey(key) ? { type: 'budget', key, budget: readBudget(budget, Date.now()) } : null
}

function build(value: unknown): StagedBuild {
  const { id: digest, version, proofs, stagedAt } = value as Record<string, unknown>
  return { id: id(digest), version: text(version), proofs: proofsOf(proofs), stagedAt: text(stagedAt) }
}

function proofsOf(value: unknown): string[] {
  if (!Array.isArray(value) || value.length > 16) throw new TypeError('no proofs')
  return value.map(text)
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('not a text')
  return printableLine(value, TRUST_LIMITS.messageLength)
}

/** What the source asks for; how much of it is granted, the pipeline decides. */
function wait(value: unknown): { readonly waitMs?: number } {
  return value === undefined ? {} : { waitMs: count(value) }
}

function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new TypeError('not a count')
  return value
}

function id(value: unknown): BuildId {
  if (!isBuildId(value)) throw new TypeError('not a build id')
  return value
}
