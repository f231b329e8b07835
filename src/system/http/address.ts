/**
 * Which addresses may be asked, and how they are shown. https, or http to this machine; a redirect may never lead from
 * https to anything less. A user and password in an address are taken out before anything else sees it, and neither
 * they nor a query, which may hold a signature or a token, is ever shown.
 */

import { AutoupError } from '../../core/errors.ts'

export interface Address {
  /** Without user and password. */
  readonly url: URL
  /** What they mean as a header, or null. */
  readonly basic: string | null
}

const SHOWN_LENGTH = 200

/** `from` is the page that redirects, null for where it begins. Throws AutoupError. */
export function readAddress(text: string, from: URL | null, allowPlain: boolean): Address {
  const where = from ? `${showUrl(from)} redirects to` : 'the source is'
  let url: URL
  try {
    url = new URL(text, from ?? undefined)
  } catch {
    // The cause would show the text.
    throw new AutoupError('failed', `${where} something that is no address`)
  }
  checkScheme(url, from, where, allowPlain)
  const { username, password } = url
  url.username = ''
  url.password = ''
  url.hash = ''
  return { url, basic: username === '' && password === '' ? null : basicOf(username, password) }
}

/** Scheme, host and path, no longer than a sentence bears. */
export function showUrl(url: URL | string): string {
  try {
    const { origin, pathname, protocol } = new URL(url)
    const whole = origin === 'null' ? protocol : origin + pathname
    return whole.length > SHOWN_LENGTH ? `${whole.slice(0, SHOWN_LENGTH)}…` : whole
  } catch {
    return 'the source'
  }
}

export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
}

/** Whoever is on the way there reads along: a login is never sent. */
export function isReadable(url: URL): boolean {
  return url.protocol === 'http:' && !isLoopback(url)
}

function checkScheme(url: URL, from: URL | null, where: string, allowPlain: boolean): void {
  if (url.protocol === 'https:') return
  if (url.protocol !== 'http:')
    throw new AutoupError('failed', `${where} ${url.protocol}, which is not followed: only https is`)
  if (from?.protocol === 'https:')
    throw new AutoupError('failed', `${where} http:, which is not followed: what was https stays https`)
  if (isLoopback(url) || allowPlain) return
  throw new AutoupError('failed', `${where} ${url.origin}, which is not encrypted: use https, or --allow-unverified`)
}

function basicOf(username: string, password: string): string {
  return `Basic ${Buffer.from(`${decode(username)}:${decode(password)}`).toString('base64')}`
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
