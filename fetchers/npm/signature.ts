/**
 * Registry signatures: ECDSA with P-256 and SHA-256 over `name@version:integrity`, by a key that the registry publishes
 * at `/-/npm/v1/keys` (docs.npmjs.com, "About ECDSA registry signatures"). They are checked here, and not by `npm audit
 * signatures`: that one wants the whole tree on disk first, and a server of Sigstore besides.
 *
 * The keys come from the registry itself, over TLS. So a signature stops whoever got hold of tarballs, of a cache or of
 * an account, and not somebody who speaks for the whole registry.
 */

import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { AutoupError } from '../../src/core/errors.ts'
import type { FetchContext } from '../../src/core/source.ts'
import { inParallel } from '../../src/system/parallel.ts'
import type { LockedPackage } from './lock.ts'
import { lookUpVersion, type NpmOffer, publishedAt } from './registry.ts'
import { NPM_LIMITS } from './run.ts'
import { shownRegistry } from './trouble.ts'

export interface RegistryKey {
  readonly id: string
  readonly key: KeyObject
  /** Milliseconds since 1970; null: it does not expire. A time that cannot be read is before all others. */
  readonly expiresAt: number | null
}

export type SignatureCheck = 'signed' | 'unsigned' | { readonly problem: string }

export interface Keyring {
  /** Ends with `/`. */
  readonly registry: string
  /** A token is for the registry that it was given for. */
  readonly withToken: boolean
  readonly keys: readonly RegistryKey[]
}

/** Empty when the registry signs nothing. Throws when it cannot be asked, for then nobody knows. */
export async function registryKeys(
  context: FetchContext,
  registry: string,
  withToken: boolean,
): Promise<readonly RegistryKey[]> {
  const bearer = withToken ? context.token : null
  const { status, body } = await context.http.text(`${registry}-/npm/v1/keys`, { bearer, maxBytes: 262_144 })
  if (status >= 500 || status === 429) {
    throw new AutoupError(
      'failed',
      `${shownRegistry(registry)} answers with status ${status} for its keys: it is tried again`,
    )
  }
  if (status !== 200) return []
  try {
    return parseKeys(body)
  } catch (cause) {
    throw new AutoupError('failed', `${shownRegistry(registry)} answers with keys that cannot be read`, { cause })
  }
}

/**
 * What an expired key has signed counts only where it is known to have been published before. The registry is asked for
 * that time where the answer at hand does not say it; without it the package counts as unsigned.
 */
export async function checkSignature(
  context: FetchContext,
  locked: Pick<LockedPackage, 'name' | 'version' | 'integrity'>,
  offer: Pick<NpmOffer, 'signatures' | 'publishedAt'>,
  { registry, withToken, keys }: Keyring,
): Promise<SignatureCheck> {
  const check = checkAt(locked, offer, keys)
  if (check !== 'undated') return check
  const { name, version } = locked
  const at = await publishedAt(context, { name, version, registry, withToken })
  const again = at === null ? 'undated' : checkAt(locked, { ...offer, publishedAt: at }, keys)
  return again === 'undated' ? 'unsigned' : again
}

function checkAt(
  { name, version, integrity }: Pick<LockedPackage, 'name' | 'version' | 'integrity'>,
  { signatures, publishedAt: published }: Pick<NpmOffer, 'signatures' | 'publishedAt'>,
  keys: readonly RegistryKey[],
): SignatureCheck | 'undated' {
  if (keys.length === 0 || signatures.length === 0) return 'unsigned'
  const what = `the registry's signature of ${name}@${version}`
  const text = Buffer.from(`${name}@${version}:${integrity}`)
  const at = published === null ? Number.NaN : Date.parse(published)
  let isDated = true
  for (const { keyid, sig } of signatures) {
    const known = keys.find(({ id }) => id === keyid)
    if (known === undefined)
      return { problem: `${what} is by the key ${keyid.slice(0, 100)}, which the registry does not have` }
    if (known.expiresAt !== null && at > known.expiresAt) {
      return { problem: `${what} is by a key that had expired when it was published` }
    }
    if (!verify('sha256', text, known.key, Buffer.from(sig, 'base64'))) {
      return { problem: `${what} does not fit its bytes: somebody has changed them, or the signature` }
    }
    // What a key signs that is good today was published before it expires.
    if (Number.isNaN(at) && known.expiresAt !== null && known.expiresAt <= Date.now()) isDated = false
  }
  return isDated ? 'signed' : 'undated'
}

/** Everything that comes with a package. `signed` only if all of it is. */
export async function checkSignatures(
  context: FetchContext,
  packages: readonly LockedPackage[],
  registries: { readonly of: (name: string) => string; readonly own: string; readonly keys: readonly RegistryKey[] },
): Promise<{ readonly problem: string | null; readonly unsigned: readonly string[] }> {
  const keysOf = new Map([[registries.own, Promise.resolve(registries.keys)]])
  const unsigned: string[] = []
  let problem: string | null = null
  await inParallel(packages, NPM_LIMITS.atOnce, async (each) => {
    if (problem !== null) return
    const registry = registries.of(each.name)
    const withToken = registry === registries.own
    const keys = keysOf.get(registry) ?? registryKeys(context, registry, withToken)
    keysOf.set(registry, keys)
    const offer = await lookUpVersion(context, { ...each, registry, withToken })
    const check = await checkOffer(context, each, offer, { registry, withToken, keys: await keys })
    if (check === 'unsigned') unsigned.push(`${each.name}@${each.version}`)
    else if (check !== 'signed') problem ??= check.problem
  })
  return { problem, unsigned: unsigned.sort() }
}

async function checkOffer(
  context: FetchContext,
  locked: LockedPackage,
  offer: NpmOffer | null,
  keyring: Keyring,
): Promise<SignatureCheck> {
  if (offer === null) return 'unsigned'
  const isSame = offer.integrity === null || offer.integrity === locked.integrity
  if (!isSame) return { problem: `the registry announces ${locked.name}@${locked.version} with two integrities` }
  return await checkSignature(context, locked, offer, keyring)
}

function parseKeys(body: string): RegistryKey[] {
  const { keys } = JSON.parse(body) as { keys?: unknown }
  if (!Array.isArray(keys)) return []
  return keys.flatMap((value: unknown) => {
    const { keyid, key, scheme, expires } = (value ?? {}) as Record<string, unknown>
    if (typeof keyid !== 'string' || typeof key !== 'string' || scheme !== 'ecdsa-sha2-nistp256') return []
    const der = Buffer.from(key, 'base64')
    return [
      { id: keyid, key: createPublicKey({ key: der, format: 'der', type: 'spki' }), expiresAt: expiryOf(expires) },
    ]
  })
}

function expiryOf(expires: unknown): number | null {
  if (expires === null || expires === undefined) return null
  const at = typeof expires === 'string' ? Date.parse(expires) : Number.NaN
  return Number.isNaN(at) ? Number.NEGATIVE_INFINITY : at
}
