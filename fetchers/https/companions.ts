/**
 * What may lie beside a file: its checksums and its signature. They are part of what a check looks at: sums that arrive
 * after the file, as with most uploads, make it a release again.
 */

import { AutoupError } from '../../src/core/errors.ts'
import type { FetchContext, HttpAnswer, Release } from '../../src/core/source.ts'
import type { Marks } from './known.ts'
import { loginFor } from './location.ts'
import { isPage, lookAt } from './look.ts'
import { statusProblem } from './status.ts'

/** By name; the address of each, whether it is there or not. */
export type Places = Readonly<Record<string, string>>

const MAX_BYTES = 1_048_576

/** Not there, as servers say it; a bucket that may not be listed says 403. */
const ABSENT: ReadonlySet<number> = new Set([401, 403, 404, 410])

/** Beside the address as it was given, under the names that belong to the file that came. */
export function placesBeside(address: string, name: string): Places {
  const own = (ending: string) => {
    const url = new URL(address)
    url.pathname += ending
    return url.href
  }
  const beside = (file: string) => {
    const url = new URL(address)
    url.pathname = url.pathname.replace(/[^/]*$/, file)
    return url.href
  }
  return {
    [`${name}.sha256`]: own('.sha256'),
    [`${name}.sha256sum`]: own('.sha256sum'),
    [`${name}.minisig`]: own('.minisig'),
    SHA256SUMS: beside('SHA256SUMS'),
    'checksums.txt': beside('checksums.txt'),
  }
}

/** Those of `names` that are there. A server in trouble is an error: it does not mean that there are none. */
export async function findCompanions(context: FetchContext, places: Places, names: readonly string[]): Promise<Marks> {
  const found = await Promise.all(
    names.map(async (name) => {
      const mark = await markOf(context, places[name] as string)
      return mark === null ? [] : [[name, mark] as const]
    }),
  )
  return Object.fromEntries(found.flat())
}

async function markOf(context: FetchContext, address: string): Promise<string | null> {
  try {
    const looked = await lookAt(context, address, null)
    if (looked === null) return null
    const { etag, lastModified, size } = looked.look
    return `${etag ?? lastModified ?? ''} ${size ?? ''}`
  } catch (error) {
    const { status, isPage: wasPage } = error instanceof AutoupError ? error.data : {}
    if (wasPage === true || (typeof status === 'number' && ABSENT.has(status))) return null
    throw error
  }
}

/** Null when there is none of that name. */
export async function readCompanion(context: FetchContext, { detail }: Release, name: string): Promise<string | null> {
  const { places } = (detail ?? {}) as { readonly places?: Places }
  if (!places || !Object.hasOwn(places, name)) return null
  const { url, bearer } = loginFor(context, places[name] as string)
  const answer: HttpAnswer & { body: string } = await context.http.text(url, { bearer, maxBytes: MAX_BYTES })
  if (ABSENT.has(answer.status) || (answer.status === 200 && isPage(answer.headers))) return null
  if (answer.status !== 200) throw statusProblem(answer, bearer !== null)
  return answer.body
}
