/**
 * The check of `npm:`. One that finds nothing new is one conditional request. A new version is resolved with all that
 * it depends on, and this is looked at, and its signatures checked, before any of it is fetched. What stands against a
 * version is an answer, so that it is not resolved again at each check.
 */

import { AutoupError } from '../../src/core/errors.ts'
import type { Check, FetchContext, Known, Release } from '../../src/core/source.ts'
import { isNpmConfig, type NpmConfig, npmConfigFor, registriesOf } from './config.ts'
import type { NpmPlan } from './install.ts'
import { entriesOf, type Lock, lockedPackages, lockProblem, resolveLock } from './lock.ts'
import { lookUp, type NpmOffer, publishedAt, type Validators } from './registry.ts'
import { checkSignature, checkSignatures, registryKeys } from './signature.ts'
import { parseNpmSpec } from './spec.ts'

export interface NpmKnown {
  readonly config: NpmConfig
  readonly validators: Validators | null
  readonly byNpmUntil: number | null
  readonly version: string
  readonly integrity: string | null
}

export async function checkNpm(context: FetchContext, before: Known | null): Promise<Check> {
  const known = isNpmKnown(before) ? before : null
  const spec = parseNpmSpec(context.location)
  const config = await npmConfigFor(context, spec.name, known?.config ?? null)
  // Another registry is another source.
  const same = known?.config.registry === config.registry ? known : null
  const look = await lookUp(context, spec, config.registry, same ?? { validators: null, byNpmUntil: null })
  const { offer, validators, byNpmUntil } = look
  if (offer === null) return same === null ? noAnswer(spec.name) : { kind: 'unchanged', known: { ...same, config } }
  const { version, integrity } = offer
  const next: NpmKnown = { config, validators, byNpmUntil, version, integrity }
  if (same?.version === version) {
    if (same.integrity === integrity) return { kind: 'unchanged', known: next }
    const message = `the registry now announces other bytes for ${spec.name}@${version} than before: a version does not change, so they are not taken`
    return { kind: 'nothing-for-this-platform', message, known: { ...next, integrity: same.integrity } }
  }
  const judged = await judge(context, spec.name, config.registry, offer)
  if (typeof judged === 'string') return { kind: 'nothing-for-this-platform', message: judged, known: next }
  return { kind: 'release', release: judged, known: next }
}

/** The release, or why it is not taken. */
async function judge(
  context: FetchContext,
  name: string,
  registry: string,
  offer: NpmOffer,
): Promise<Release | string> {
  const { version, deprecated } = offer
  const about = `${name}@${version}`
  const lock = await resolveLock(context, { name, version, registry })
  const problem = lockProblem(about, lock.entries, context.platform)
  if (problem !== null) return problem
  const own = lock.entries[`node_modules/${name}`]
  if (own?.version !== version || (offer.integrity !== null && own.integrity !== offer.integrity)) {
    throw new AutoupError('failed', `npm and the registry do not agree on what ${about} is: it is looked at again`)
  }
  // With times known, a mirror that answers slowly is not asked twice.
  const published = offer.publishedAt ?? (await publishedAt(context, { name, version, registry, withToken: true }))
  const proofs = await proofsFor(context, { name, registry, offer: { ...offer, publishedAt: published }, lock })
  if (typeof proofs === 'string') return proofs
  if (deprecated !== null) context.warn(`${about} is deprecated: ${deprecated}`)
  const plan: NpmPlan = { name, version, registry, lock: lock.text }
  return {
    version,
    name: about,
    size: null,
    digest: null,
    ordered: true,
    isTree: true,
    entries: entriesOf(name, own),
    proofs,
    publishedAt: published,
    detail: plan,
  }
}

/** `npm-signature` only when the registry has signed the package and all that comes with it; or what is wrong. */
async function proofsFor(
  context: FetchContext,
  { name, registry, offer, lock }: { name: string; registry: string; offer: NpmOffer; lock: Lock },
): Promise<readonly string[] | string> {
  const plain = ['npm-integrity']
  const about = `${name}@${offer.version}`
  const keys = await registryKeys(context, registry, true)
  const packages = lockedPackages(lock.entries)
  const own = packages.find(({ path }) => path === `node_modules/${name}`)
  if (own === undefined) return plain
  const check = await checkSignature(context, own, offer, { registry, withToken: true, keys })
  if (typeof check === 'object') return check.problem
  if (check === 'unsigned') return plain
  const others = packages.filter((each) => each !== own)
  if (others.length === 0) return ['npm-signature', ...plain]
  const of = await registriesOf(
    context,
    others.map((each) => each.name),
    about,
  )
  const { problem, unsigned } = await checkSignatures(context, others, { of, own: registry, keys })
  if (problem !== null) return `${about} is not taken: ${problem}`
  if (unsigned.length === 0) return ['npm-signature', ...plain]
  const some = unsigned.slice(0, 3).join(', ') + (unsigned.length > 3 ? ` and ${unsigned.length - 3} more` : '')
  context.warn(`${about} is signed by its registry, but not all that it needs: ${some}`)
  return plain
}

/** A registry that says "not changed" to a question without a condition. */
function noAnswer(name: string): never {
  throw new AutoupError(
    'failed',
    `the registry says that ${name} has not changed, and nobody asked that: it is tried again`,
  )
}

function isNpmKnown(value: unknown): value is NpmKnown {
  const known = value as Partial<NpmKnown> | null
  return typeof known?.version === 'string' && isNpmConfig(known.config)
}
