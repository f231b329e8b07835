/** The shape of `state.json` as a schema. Loaded only where a file has to be judged: it costs a megabyte of memory. */

import * as v from 'valibot'
import { LEDGER_FORMAT, type Ledger } from '../core/ledger.ts'

const Build = v.object({
  id: v.pipe(v.string(), v.regex(/^(?:sha256-[0-9a-f]{64}|command)$/)),
  version: v.string(),
  stagedAt: v.string(),
  committedAt: v.nullable(v.string()),
  proofs: v.array(v.string()),
})

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

const Schema = v.object({
  format: v.literal(LEDGER_FORMAT),
  committed: v.nullable(Build),
  previous: v.nullable(Build),
  candidate: v.nullable(v.object({ build: Build, attemptsLeft: Count })),
  floor: v.nullable(v.string()),
  ratchet: v.optional(v.nullable(v.string()), null),
  quarantine: v.array(
    v.object({
      build: v.string(),
      version: v.string(),
      reason: v.string(),
      at: v.string(),
      rule: v.picklist(['bytes', 'behaviour', 'operator']),
      launch: v.nullable(v.string()),
    }),
  ),
  known: v.nullable(
    v.object({
      source: v.string(),
      look: v.string(),
      value: v.optional(v.unknown(), null),
      build: v.nullable(v.string()),
      refusal: v.nullable(v.object({ version: v.string(), reason: v.string() })),
    }),
  ),
  listeners: v.array(v.object({ address: v.string(), inode: Count })),
  paused: v.boolean(),
})

/** The ledger, or null when it is not one. */
export function parseLedger(value: unknown): Ledger | null {
  const result = v.safeParse(Schema, value)
  return result.success ? result.output : null
}
