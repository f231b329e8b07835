/**
 * What a fetcher has answered, looked at before it is believed: plugins are programs of others, and even a built-in
 * fetcher reads what strangers wrote. In the stager, where the schema library is loaded, used, and gone with it.
 */

import * as v from 'valibot'
import { AutoupError } from '../../core/errors.ts'
import { isPrintable } from '../../core/shown.ts'
import { type Check, shownSource } from '../../core/source.ts'
import { cleanPath } from '../../core/tree-path.ts'
import { TRUST_LIMITS } from '../../trust/limits.ts'
import { isDeep } from './stage-protocol.ts'

export const ANSWER_LIMITS = {
  versionLength: 200,
  /** NAME_MAX of limits.h, and a scope before it. */
  nameLength: 512,
  siblings: 10_000,
  proofs: 8,
  entries: 200,
  /** Half of a line that the stager writes to the master. */
  knownBytes: 131_072,
} as const

const plain = (longest: number) =>
  v.pipe(
    v.string(),
    v.nonEmpty('is empty'),
    v.maxLength(longest, `is longer than ${longest} letters`),
    v.check(isPrintable, 'has control characters'),
  )

const message = v.pipe(v.string(), v.nonEmpty('is empty'))
const waitMs = v.optional(v.number())
/** Left out, or undefined: JSON makes no difference. */
const maybe = <S extends v.GenericSchema>(schema: S) => v.optional(schema)

const known = v.pipe(
  v.unknown(),
  v.check((value) => value !== undefined, 'is missing'),
  v.check(
    isSmallJson,
    `cannot be remembered: it must be JSON of at most ${ANSWER_LIMITS.knownBytes} bytes, ${TRUST_LIMITS.knownDepth} levels deep`,
  ),
)

const release = v.object({
  version: plain(ANSWER_LIMITS.versionLength),
  name: plain(ANSWER_LIMITS.nameLength),
  size: v.nullable(v.pipe(v.number(), v.safeInteger('is no number of bytes'), v.minValue(0, 'is negative'))),
  digest: v.nullable(v.pipe(v.string(), v.regex(/^sha256-[0-9a-f]{64}$/, 'is not sha256- and 64 hex digits'))),
  ordered: v.boolean(),
  executable: maybe(v.boolean()),
  siblings: maybe(
    v.pipe(v.array(plain(ANSWER_LIMITS.nameLength)), v.maxLength(ANSWER_LIMITS.siblings, 'are too many')),
  ),
  isTree: maybe(v.boolean()),
  entries: maybe(
    v.pipe(
      v.array(v.pipe(v.string(), v.check(isPathInTree, 'is no path in a tree'))),
      v.maxLength(ANSWER_LIMITS.entries, 'are too many'),
    ),
  ),
  // What autoup proves itself (minisign, a checksum file, --sha256) no source can claim.
  proofs: maybe(
    v.pipe(
      v.array(v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9+.-]{0,63}-(?:digest|integrity|signature)$/, 'is no proof'))),
      v.maxLength(ANSWER_LIMITS.proofs, 'are too many'),
    ),
  ),
  publishedAt: maybe(
    v.nullable(
      v.pipe(
        v.string(),
        v.check((text) => !Number.isNaN(Date.parse(text)), 'is no time'),
      ),
    ),
  ),
  detail: maybe(v.unknown()),
})

const check = v.variant('kind', [
  v.object({ kind: v.literal('unchanged'), known: maybe(known), waitMs }),
  v.object({ kind: v.literal('release'), release, known }),
  v.object({ kind: v.literal('incomplete'), message, waitMs }),
  v.object({ kind: v.literal('nothing-for-this-platform'), message, known }),
])

/** The same answer; nothing that is unknown to this version is kept. `source` is for the sentence. */
export function checkAnswer(source: string, answer: unknown): Check {
  const result = v.safeParse(check, answer, { abortEarly: true })
  if (result.success) return result.output as Check
  const [issue] = result.issues
  const where = v.getDotPath(issue) ?? 'the answer'
  throw new AutoupError(
    'failed',
    `the fetcher of ${shownSource(source)} answered what is no release: ${where} ${issueOf(issue)}`,
  )
}

function issueOf(issue: v.BaseIssue<unknown>): string {
  if (issue.kind === 'validation') return issue.message
  return issue.received === 'undefined' ? 'is missing' : `is ${issue.received.slice(0, 60)}, and not ${issue.expected}`
}

function isPathInTree(path: string): boolean {
  const clean = cleanPath(path)
  return 'path' in clean && clean.path === path && path !== ''
}

function isSmallJson(value: unknown): boolean {
  try {
    const text: unknown = JSON.stringify(value)
    return typeof text === 'string' && Buffer.byteLength(text) <= ANSWER_LIMITS.knownBytes && !isDeep(value)
  } catch {
    return false
  }
}
