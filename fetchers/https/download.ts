/**
 * The bytes of one file. What the server said of it when it was checked must still be so in the answer and after the
 * last byte: a file that is replaced or still being written under our hands is nothing to take, and no verdict on it
 * either. A download that was cut goes on where the server names the bytes (a strong ETag) and knows ranges.
 */

import { createHash } from 'node:crypto'
import { AutoupError } from '../../src/core/errors.ts'
import { incomplete } from '../../src/core/incomplete.ts'
import type { FetchContext, HttpAnswer, Piece, Release, Sink } from '../../src/core/source.ts'
import { showUrl } from '../../src/system/http/address.ts'
import type { Places } from './companions.ts'
import type { Look, Method } from './known.ts'
import { loginFor } from './location.ts'
import { isSameLook, lookAt, lookOf, mustBeNoPage, problemOf, strongTag } from './look.ts'

/** What a check leaves for the download. */
export interface Detail {
  readonly address: string
  readonly look: Look
  readonly method: Method
  readonly places: Places
  /** Where nothing else names the bytes: the digest of what the check read. */
  readonly digest: string | null
}

export async function download(context: FetchContext, { name, detail }: Release, into: Sink): Promise<void> {
  const { address, look, method, digest } = detail as Detail
  const tag = strongTag(look)
  const changed = () => incomplete(`${showUrl(address)} changed while it was downloaded`)
  let seen: string | null = null
  const open = async (from: number): Promise<Piece> => {
    const piece = await openAt(context, { address, look, name }, from)
    if (digest === null) return piece
    const { bytes, ...rest } = piece
    return { ...rest, bytes: hashed(bytes, (hex) => (seen = hex)) }
  }
  await into.artifact(open, tag === null ? null : `${look.path} ${tag} ${look.size}`)
  if (digest !== null && seen !== digest) throw changed()
  const after = await lookAt(context, address, { look, method })
  if (after !== null && !isSameLook(look, after.look)) throw changed()
}

interface Target extends Pick<Detail, 'address' | 'look'> {
  readonly name: string
}

async function openAt(context: FetchContext, target: Target, from: number): Promise<Piece> {
  const { address, look, name } = target
  const { url, bearer } = loginFor(context, address)
  const tag = strongTag(look)
  const headers: Record<string, string> = from > 0 && tag !== null ? { range: `bytes=${from}-`, 'if-range': tag } : {}
  const answer = await context.http.stream(url, { headers, bearer })
  try {
    if (answer.status === 206 && isRest(answer, look, from)) return { from, bytes: answer.bytes }
    // Another part, or a range beyond the end: whatever is here is not the beginning of it.
    if (from > 0 && (answer.status === 206 || answer.status === 416)) {
      await answer.cancel()
      return await openAt(context, target, 0)
    }
    if (answer.status !== 200) throw problemOf(context, answer)
    mustBeNoPage(answer)
    if (!isSameLook(look, lookOf(answer))) throw incomplete(`${showUrl(address)} changed before it was downloaded`)
    mustBePlain(answer, name)
    return { from: 0, bytes: answer.bytes }
  } catch (error) {
    await answer.cancel()
    throw error
  }
}

/** The bytes that were asked for, of the file that was asked for. */
function isRest({ headers }: HttpAnswer, { etag, size }: Look, from: number): boolean {
  if (from === 0 || headers.etag !== etag) return false
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers['content-range'] ?? '') ?? []
  return Number(first) === from && (size === null || total === '*' || Number(total) === size)
}

/** Some servers say `Content-Encoding: gzip` of a .tar.gz, which it is. Anything else was compressed on the way. */
function mustBePlain({ headers, url }: HttpAnswer, name: string): void {
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding === 'identity' || (/^(?:x-)?gzip$/i.test(encoding) && /\.t?gz$/i.test(name))) return
  const what = `${showUrl(url)} compresses what it sends (${encoding.slice(0, 40)})`
  throw new AutoupError('failed', `${what}, though it was asked not to: turn that off for this file`)
}

async function* hashed(bytes: AsyncIterable<Uint8Array>, done: (hex: string) => void): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  for await (const piece of bytes) {
    hash.update(piece)
    yield piece
  }
  done(hash.digest('hex'))
}
