/**
 * An address that is the release: one file, replaced by whoever publishes. It has no versions; what the server says of
 * it (ETag, Last-Modified) names it, and its digest is the build. A server that says nothing is read to the end, twice
 * before anything is taken: that is dear, so it is done seldom.
 */

import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { AutoupError } from '../../src/core/errors.ts'
import type { Check, FetchContext, Release } from '../../src/core/source.ts'
import { showUrl } from '../../src/system/http/address.ts'
import { findCompanions, type Places, placesBeside } from './companions.ts'
import type { Detail } from './download.ts'
import { BLIND_MS, type FileKnown, type Look, type Marks } from './known.ts'
import { loginFor } from './location.ts'
import { isBlind, isSameLook, type Looked, lookAt, problemOf } from './look.ts'
import { nameOf } from './name.ts'

/** A file that changed later than this before the answer may still be being written; servers count in seconds. */
const STILL_MS = 2_000

/** Sums and signatures that are not there are asked for each time while the file is as young as this, then so often. */
const COMPANIONS_MS = 600_000

/** Bytes that are read of a server that says nothing; as many as an artifact may have. */
const MAX_BYTES = 4_294_967_296

/** `looked` has been at it just now. */
export async function checkFile(
  context: FetchContext,
  address: string,
  looked: Looked,
  before: FileKnown | null,
): Promise<Check> {
  const { look, answer, method } = looked
  const name = nameOf(answer, address)
  if (isBlind(look)) return checkBlind(context, address, { ...looked, name }, before)
  const isSame = before !== null && before.name === name && isSameLook(before.look, look)
  if (isSame) return sameFile(context, address, before, { ...before, look, method })
  if (!(await isStill(context, address, looked)))
    return { kind: 'incomplete', message: `${showUrl(address)} is being written` }
  return newFile(context, address, { look, method, name, read: null })
}

/** The file is as before; what lies beside it may not be. */
export async function sameFile(
  context: FetchContext,
  address: string,
  before: FileKnown,
  now: FileKnown = before,
): Promise<Check> {
  const places = placesBeside(address, now.name)
  const isYoung = isWithin(before.seenAt, COMPANIONS_MS)
  const isDue = isYoung || !isWithin(before.askedAt, COMPANIONS_MS)
  const names = isDue
    ? Object.keys(places)
    : Object.keys(places).filter((name) => Object.hasOwn(before.companions, name))
  const companions = await findCompanions(context, places, names)
  const known = { ...now, companions, askedAt: isDue && !isYoung ? Date.now() : before.askedAt }
  if (isSameMarks(before.companions, companions)) {
    return JSON.stringify(known) === JSON.stringify(before) ? { kind: 'unchanged' } : { kind: 'unchanged', known }
  }
  return releaseOf(address, known, places)
}

async function newFile(
  context: FetchContext,
  address: string,
  file: Pick<FileKnown, 'look' | 'method' | 'name' | 'read'>,
): Promise<Check> {
  const places = placesBeside(address, file.name)
  const companions = await findCompanions(context, places, Object.keys(places))
  const known: FileKnown = { kind: 'file', ...file, companions, seenAt: Date.now(), askedAt: Date.now() }
  return releaseOf(address, known, places)
}

function releaseOf(address: string, known: FileKnown, places: Places): Check {
  const { look, method, name, read } = known
  const detail: Detail = { address, look, method, places, digest: read?.digest ?? null }
  const release: Release = {
    version: read ? read.digest.slice(0, 12) : versionOf(look),
    name,
    size: look.size,
    digest: null,
    ordered: false,
    siblings: Object.keys(known.companions),
    publishedAt: dateOf(look.lastModified)?.toISOString() ?? null,
    detail,
  }
  return { kind: 'release', release, known }
}

async function checkBlind(
  context: FetchContext,
  address: string,
  { look, method, name }: Looked & { readonly name: string },
  before: FileKnown | null,
): Promise<Check> {
  if (before?.read == null) {
    const what = `${showUrl(address)} gives neither ETag nor Last-Modified`
    context.warn(`${what}: it is read whole to see a change, and only every ${BLIND_MS / 60_000} minutes`)
  }
  const digest = await digestOf(context, address)
  const file = { look, method, name, read: { digest, at: Date.now() } }
  if (before?.read?.digest === digest && before.name === name) {
    return sameFile(context, address, before, { ...before, ...file })
  }
  return newFile(context, address, file)
}

async function digestOf(context: FetchContext, address: string): Promise<string> {
  const { url, bearer } = loginFor(context, address)
  const answer = await context.http.stream(url, { bearer })
  if (answer.status !== 200) {
    await answer.cancel()
    throw problemOf(context, answer)
  }
  const hash = createHash('sha256')
  let bytes = 0
  for await (const piece of answer.bytes) {
    bytes += piece.length
    if (bytes > MAX_BYTES) throw new AutoupError('failed', `${showUrl(answer.url)} sends bytes without end`)
    hash.update(piece)
  }
  return hash.digest('hex')
}

/** By the server's own clock; a file that looks the same two seconds after its last change is not being written. */
async function isStill(context: FetchContext, address: string, { look, answer, method }: Looked): Promise<boolean> {
  const now = dateOf(answer.headers.date)
  const changed = dateOf(look.lastModified)
  const sinceMs = now && changed ? now.getTime() - changed.getTime() : STILL_MS
  if (sinceMs < 0 || sinceMs >= STILL_MS) return true
  await delay(STILL_MS - sinceMs, undefined, { signal: context.signal })
  const again = await lookAt(context, address, { look, method })
  return again === null || isSameLook(look, again.look)
}

/** A short form of what names it: an ETag as it is where it is short, else what is left of it. */
export function versionOf({ etag, lastModified }: Look): string {
  const tag = (etag ?? '').replace(/^W\//, '').replace(/[^\w.-]/g, '')
  if (/^[0-9a-f]{24,}$/i.test(tag)) return tag.slice(0, 12)
  if (tag !== '' && tag.length <= 24) return tag
  if (tag !== '') return createHash('sha256').update(tag).digest('hex').slice(0, 12)
  const date = dateOf(lastModified)
  return date ? date.toISOString().replace(/\.\d+Z$/, 'Z') : 'unnamed'
}

function dateOf(text: string | null | undefined): Date | null {
  const ms = Date.parse(text ?? '')
  return Number.isNaN(ms) ? null : new Date(ms)
}

/** A clock that was put back makes nothing young. */
function isWithin(at: number, ms: number): boolean {
  const age = Date.now() - at
  return age >= 0 && age < ms
}

function isSameMarks(a: Marks, b: Marks): boolean {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name])
}
