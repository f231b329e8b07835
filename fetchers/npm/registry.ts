/**
 * What a registry says of a package (its "packument"). A conditional GET of the registry that npm is configured for is
 * the cheap way: 3 ms of CPU, and 60 for loading undici, against 300 ms and 75 MB for `npm view`, which is more than
 * the budget of a minute. Where the registry turns that away, or cannot be reached like this, npm is asked: it has the
 * credentials, proxies and authorities of .npmrc. A version or a tag needs 2 KB, a range the whole history.
 */

import { AutoupError } from '../../src/core/errors.ts'
import type { FetchContext, HttpAnswer } from '../../src/core/source.ts'
import { runNpm } from './run.ts'
import { chooseVersion, type NpmSpec } from './spec.ts'
import { notFoundSentence, privateSentence, shownRegistry } from './trouble.ts'

/** One version, as the registry announces it. */
export interface NpmOffer {
  readonly version: string
  /** Subresource integrity of the tarball, or null. */
  readonly integrity: string | null
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[]
  readonly deprecated: string | null
  /** ISO 8601, where this answer says it. */
  readonly publishedAt: string | null
}

/** How the last answer is asked for only if it has changed. */
export interface Validators {
  readonly url: string
  readonly etag: string | null
  readonly modified: string | null
}

export interface NpmLook {
  /** Null: nothing has changed. */
  readonly offer: NpmOffer | null
  readonly validators: Validators | null
  /** Until then only npm itself is asked (`Date.now()`); null: it is not needed. */
  readonly byNpmUntil: number | null
}

/** Small packuments; a registry may send whole ones all the same. */
const ACCEPT = 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8'
const PACKUMENT_BYTES = 33_554_432

/** What has turned the cheap way away may have been over a moment later. */
const BY_NPM_MS = 3_600_000

export async function lookUp(
  context: FetchContext,
  spec: NpmSpec,
  registry: string,
  known: Pick<NpmLook, 'validators' | 'byNpmUntil'>,
): Promise<NpmLook> {
  const byNpm = async (byNpmUntil: number): Promise<NpmLook> => {
    return { offer: await askNpm(context, spec, registry), validators: null, byNpmUntil }
  }
  const leftMs = (known.byNpmUntil ?? 0) - Date.now()
  if (known.byNpmUntil && leftMs > 0 && leftMs <= BY_NPM_MS) return byNpm(known.byNpmUntil)
  let refused: AutoupError
  try {
    const answer = await askRegistry(context, spec, registry, known.validators)
    if (!('problem' in answer)) return answer
    refused = new AutoupError('failed', answer.problem)
  } catch (error) {
    // What is not encrypted is allowed or not by our own rule, which npm does not have.
    if (!isUnreachable(error) || context.signal.aborted || registry.startsWith('http:')) throw error
    refused = error
  }
  try {
    return await byNpm(Date.now() + BY_NPM_MS)
  } catch (error) {
    throw isUnreachable(error) ? refused : error
  }
}

/** One version in one registry; a token is for the registry that it was given for. */
interface Place {
  readonly name: string
  readonly version: string
  readonly registry: string
  readonly withToken: boolean
}

/** `name@version` by the short way, or by npm; null when the registry has no such version. */
export async function lookUpVersion(
  context: FetchContext,
  { name, version, registry, withToken }: Place,
): Promise<NpmOffer | null> {
  const url = `${registry}${escaped(name)}/${encodeURIComponent(version)}`
  const answer = await context.http.text(url, { bearer: withToken ? context.token : null })
  if (answer.status === 200) return offerOf(parsed(answer.body), null, version)
  if (answer.status >= 500 || answer.status === 429) throw odd(registry, answer.status)
  const wanted = { kind: 'version', version } as const
  return await askNpm(context, { name, wanted }, registry)
}

/** When this version was published, which only the whole packument says; null where nobody does. */
export async function publishedAt(
  context: FetchContext,
  { name, version, registry, withToken }: Place,
): Promise<string | null> {
  const options = { bearer: withToken ? context.token : null, maxBytes: PACKUMENT_BYTES }
  try {
    const { status, body } = await context.http.text(`${registry}${escaped(name)}`, options)
    if (status === 200) return timeOf((parsed(body) as { time?: unknown } | null)?.time, version)
  } catch (error) {
    if (context.signal.aborted || !(error instanceof AutoupError)) throw error
  }
  // With what .npmrc knows.
  const text = await runNpm(context, { args: ['view', `${name}@${version}`, 'time', '--json'], registry, about: name })
  return timeOf(parsed(text), version)
}

async function askRegistry(
  context: FetchContext,
  spec: NpmSpec,
  registry: string,
  validators: Validators | null,
): Promise<NpmLook | { readonly problem: string }> {
  const { name, wanted } = spec
  const get = async (path: string): Promise<HttpAnswer & { readonly body: string }> => {
    const url = `${registry}${path}`
    const before = validators?.url === url ? validators : null
    const headers = {
      accept: ACCEPT,
      ...(before?.etag ? { 'if-none-match': before.etag } : {}),
      ...(before?.modified ? { 'if-modified-since': before.modified } : {}),
    }
    return await context.http.text(url, { headers, bearer: context.token, maxBytes: PACKUMENT_BYTES })
  }
  const look = ({ headers, status }: HttpAnswer, path: string, offer: () => NpmOffer | null): NpmLook => ({
    offer: status === 304 ? null : offer(),
    validators: { url: `${registry}${path}`, etag: headers.etag ?? null, modified: headers['last-modified'] ?? null },
    byNpmUntil: null,
  })
  if (wanted.kind !== 'range') {
    const path = `${escaped(name)}/${encodeURIComponent(wanted.kind === 'tag' ? wanted.tag : wanted.version)}`
    const answer = await get(path)
    const version = wanted.kind === 'version' ? wanted.version : null
    const offer = answer.status === 200 ? offerOf(parsed(answer.body), null, version) : null
    if (offer !== null || answer.status === 304) return look(answer, path, () => offer)
    // Not every registry knows this way, and what there is must be known for the sentence that names it.
  }
  const path = escaped(name)
  const answer = await get(path)
  if (answer.status === 200 || answer.status === 304) return look(answer, path, () => chosen(spec, answer.body))
  if (answer.status === 404) return { problem: notFoundSentence(name, registry, context.token !== null) }
  if (answer.status === 401 || answer.status === 403) {
    return { problem: privateSentence(name, registry, context.token !== null) }
  }
  throw odd(registry, answer.status)
}

async function askNpm(context: FetchContext, spec: NpmSpec, registry: string): Promise<NpmOffer> {
  const { name } = spec
  const view = async (what: readonly string[]): Promise<unknown> =>
    parsed(await runNpm(context, { args: ['view', ...what, '--json'], registry, about: name }))
  const all = (await view([name, 'versions', 'dist-tags'])) as Record<string, unknown> | null
  // One version alone is no list.
  const versions = [all?.versions ?? []].flat().map((version) => ({ version: String(version), isDeprecated: false }))
  const version = chooseVersion(spec, { tags: tagsOf(all?.['dist-tags']), versions })
  const offer = offerOf(await view([`${name}@${version}`]), null, version)
  if (offer === null) throw new AutoupError('failed', `npm says nothing of ${name}@${version} that could be read`)
  return offer
}

function chosen(spec: NpmSpec, body: string): NpmOffer | null {
  const packument = parsed(body) as Record<string, unknown> | null
  const versions = (packument?.versions ?? {}) as Record<string, { deprecated?: unknown } | null>
  const version = chooseVersion(spec, {
    tags: tagsOf(packument?.['dist-tags']),
    versions: Object.entries(versions).map(([each, manifest]) => ({
      version: each,
      isDeprecated: Boolean(manifest?.deprecated),
    })),
  })
  const manifest = Object.hasOwn(versions, version) ? versions[version] : null
  const offer = offerOf(manifest, timeOf(packument?.time, version), version)
  if (offer === null) throw new AutoupError('failed', `the registry has ${spec.name}@${version} in its list only`)
  return offer
}

/**
 * Null for what is no manifest of a version. `asked` is the one that it must be of, or null: whoever answers for a
 * registry could else put any version, well signed, under the one that the operator has named.
 */
function offerOf(value: unknown, published: string | null, asked: string | null): NpmOffer | null {
  const manifest = value as { version?: unknown; dist?: Record<string, unknown>; deprecated?: unknown } | null
  if (typeof manifest?.version !== 'string' || typeof manifest.dist !== 'object' || manifest.dist === null) return null
  if (asked !== null && manifest.version !== asked) {
    throw new AutoupError(
      'failed',
      `the registry answers with another version where ${asked.slice(0, 100)} is asked for`,
    )
  }
  const { integrity, signatures } = manifest.dist
  const isSignature = (each: unknown): each is NpmOffer['signatures'][number] => {
    const { keyid, sig } = (each ?? {}) as Record<string, unknown>
    return typeof keyid === 'string' && typeof sig === 'string'
  }
  return {
    version: manifest.version,
    integrity: typeof integrity === 'string' ? integrity : null,
    signatures: Array.isArray(signatures) ? signatures.filter(isSignature) : [],
    deprecated: typeof manifest.deprecated === 'string' && manifest.deprecated !== '' ? manifest.deprecated : null,
    publishedAt: published,
  }
}

function tagsOf(value: unknown): Record<string, string> {
  const tags = Object.entries((value ?? {}) as Record<string, unknown>)
  return Object.fromEntries(tags.filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

function timeOf(times: unknown, version: string): string | null {
  const time = (times as Record<string, unknown> | null | undefined)?.[version]
  return typeof time === 'string' && !Number.isNaN(Date.parse(time)) ? new Date(time).toISOString() : null
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** `@scope/name` is one segment of the path. */
function escaped(name: string): string {
  return name.replace('/', '%2f')
}

function odd(registry: string, status: number): AutoupError {
  return new AutoupError('failed', `${shownRegistry(registry)} answers with status ${status}: it is tried again`)
}

function isUnreachable(error: unknown): error is AutoupError {
  return error instanceof AutoupError && typeof error.data.code === 'string'
}
