/**
 * The address in `--fetch https://…`, looked at before anything is asked, and its placeholders. `{os}` and `{arch}` are
 * as Node names them (linux, x64). An address alone does not say which `{version}` there is: what stands behind its
 * last `@` does, and that is one version, or the address of a text that holds it.
 */

import { AutoupError } from '../../src/core/errors.ts'
import { shown } from '../../src/core/shown.ts'
import type { FetchContext } from '../../src/core/source.ts'
import { isReadable } from '../../src/system/http/address.ts'

export type Words = Readonly<Record<string, string>>

/** An address with `{version}`. */
export interface VersionedLocation {
  readonly address: string
  /** What says the version: itself, or the address of a text. */
  readonly by: { readonly version: string } | { readonly text: string }
}

const PLACEHOLDER = /\{([^{}]*)\}/g
const VERSIONED = /^(.*\{version\}.*?)@(?:(https?:\/\/.*)|([^/@]*))$/s

/** As it is written in tags and files: a digit, or a `v` and a digit, and what versions are made of. */
const VERSION = /^v?\d[\w.+~-]{0,126}$/

/** `rest` is what follows the colon. Gives the whole address back; throws AutoupError `usage`. */
export function locateUrl(scheme: 'http' | 'https', rest: string): string {
  const text = `${scheme}:${rest}`
  const versioned = versionedLocation(text)
  checkAddress(versioned?.address ?? text, versioned === null ? {} : { version: '0' })
  if (versioned === null) return text
  if ('text' in versioned.by) checkAddress(versioned.by.text, {})
  else if (!isVersion(versioned.by.version)) throw noVersion(`'${shown(versioned.by.version)}' is no version`)
  return text
}

/** Null for an address without `{version}`, whatever else it holds. */
export function versionedLocation(location: string): VersionedLocation | null {
  const [, address, text, version = ''] = VERSIONED.exec(location) ?? []
  return address === undefined ? null : { address, by: text === undefined ? { version } : { text } }
}

export function isVersion(text: string): boolean {
  return VERSION.test(text)
}

function checkAddress(text: string, more: Words): void {
  const words: Words = { os: 'os', arch: 'arch', libc: 'libc', ...more }
  for (const [, word = ''] of text.matchAll(PLACEHOLDER)) {
    if (Object.hasOwn(words, word)) continue
    if (word === 'version') throw noVersion('nothing says which {version} in --fetch is meant')
    throw new AutoupError('usage', `{${shown(word, 40)}} in --fetch means nothing: there are ${PLACEHOLDERS}`)
  }
  if (/^[a-z]+:\/\/[^/?#]*\{version\}/.test(text)) {
    // Whoever says the version would choose the host, and who gets the login.
    throw new AutoupError('usage', '{version} in --fetch cannot be part of the host: put it into the path')
  }
  const filled = fillIn(text, words)
  const scheme = text.startsWith('http:') ? 'http' : 'https'
  refuseReadableLogin(scheme, filled)
  // Node would read `https:host` and `https:///host` as well; who writes that has forgotten something.
  if (/^[a-z]+:\/\/[^/?#]/.test(text) && !/[\s\p{Cc}]/u.test(text) && URL.canParse(filled)) return
  throw new AutoupError('usage', `the address in --fetch is none: write ${scheme}://host/path`)
}

const PLACEHOLDERS = '{os}, {arch}, {libc} and {version}'

function noVersion(what: string): AutoupError {
  const forms = 'ADDRESS@1.2.3, or ADDRESS@https://host/stable.txt, a text that holds nothing but the version'
  return new AutoupError('usage', `${what}: write ${forms}, or name a manifest (docs/sources.md)`)
}

/** A login is never sent where anybody can read it (system/http/client.ts); said here, it is said at the start. */
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

/** The address that is fetched, whose host is the source's own; no version is needed to know that host. */
function ownAddress(context: FetchContext): string {
  const { location } = context
  return fillIn(versionedLocation(location)?.address ?? location, { ...wordsOf(context), version: '' })
}

/** How a host is asked: the login of the source goes to the source's own host, and to no other. */
export function loginFor(context: FetchContext, url: string): { readonly url: string; readonly bearer: string | null } {
  const target = new URL(url)
  const source = new URL(ownAddress(context))
  if (target.origin !== source.origin) return { url, bearer: null }
  if (target.username === '' && target.password === '') {
    target.username = source.username
    target.password = source.password
  }
  return { url: target.href, bearer: context.token }
}
