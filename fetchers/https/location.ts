/**
 * The address in `--fetch https://…`, looked at before anything is asked, and its placeholders. `{os}` and `{arch}` are
 * as Node names them (linux, x64); `{version}` means something only inside a manifest, since an address alone does not
 * say which version there is.
 */

import { AutoupError } from '../../src/core/errors.ts'
import { shown } from '../../src/core/shown.ts'
import type { FetchContext } from '../../src/core/source.ts'
import { isReadable } from '../../src/system/http/address.ts'

export type Words = Readonly<Record<string, string>>

const PLACEHOLDER = /\{([^{}]*)\}/g

/** `rest` is what follows the colon. Gives the whole address back; throws AutoupError `usage`. */
export function locateUrl(scheme: 'http' | 'https', rest: string): string {
  const text = `${scheme}:${rest}`
  for (const [, word = ''] of text.matchAll(PLACEHOLDER)) {
    if (word === 'version') {
      const where = 'put it into a manifest, which says which version there is (docs/sources.md)'
      throw new AutoupError('usage', `{version} cannot be filled in in --fetch: ${where}`)
    }
    if (!['os', 'arch', 'libc'].includes(word)) {
      throw new AutoupError('usage', `{${shown(word, 40)}} in --fetch means nothing: there are {os}, {arch} and {libc}`)
    }
  }
  const filled = fillIn(text, { os: 'os', arch: 'arch', libc: 'libc' })
  refuseReadableLogin(scheme, filled)
  // Node would read `https:host` and `https:///host` as well; who writes that has forgotten something.
  if (/^\/\/[^/?#]/.test(rest) && !/[\s\p{Cc}]/u.test(text) && URL.canParse(filled)) return text
  throw new AutoupError('usage', `the address in --fetch is none: write ${scheme}://host/path`)
}

/** A login is never sent where anybody can read it (http-client.ts); said here, it is said at the start. */
function refuseReadableLogin(scheme: string, filled: string): void {
  const url = scheme === 'http' && URL.canParse(filled) ? new URL(filled) : null
  if (url === null || (url.username === '' && url.password === '') || !isReadable(url)) return
  throw new AutoupError('usage', `the login in --fetch would go to ${url.host} unencrypted: use https, or leave it out`)
}

/** `{libc}` is empty where the system has only one. */
export function wordsOf({ platform: { os, arch, libc } }: FetchContext): Words {
  return { os, arch, libc: libc ?? '' }
}

/** What is in `words` is filled in; throws AutoupError for any other placeholder. */
export function fillIn(text: string, words: Words): string {
  return text.replace(PLACEHOLDER, (_, word: string) => {
    if (Object.hasOwn(words, word)) return encodeURIComponent(words[word] as string)
    throw new AutoupError('failed', `{${shown(word, 40)}} in an address means nothing here`)
  })
}

/** How a host is asked: the login of the source goes to the source's own host, and to no other. */
export function loginFor(context: FetchContext, url: string): { readonly url: string; readonly bearer: string | null } {
  const target = new URL(url)
  const source = new URL(fillIn(context.location, wordsOf(context)))
  if (target.origin !== source.origin) return { url, bearer: null }
  if (target.username === '' && target.password === '') {
    target.username = source.username
    target.password = source.password
  }
  return { url: target.href, bearer: context.token }
}
