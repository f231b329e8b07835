/** Where the API is: GITHUB_API_URL is what GitHub's own runners set, and what GHES needs (`https://HOST/api/v3`). */

import { AutoupError } from '../../src/core/errors.ts'
import { isReadable } from '../../src/system/http/address.ts'

const GITHUB_API = 'https://api.github.com'

/** Without a slash at its end. Throws AutoupError `config`; the value may hold a password, so it is not repeated. */
export function apiUrl(given: string | undefined, hasToken: boolean): string {
  if (given === undefined || given === '') return GITHUB_API
  const url = URL.canParse(given) ? new URL(given) : null
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== '' ||
    url.password !== '' ||
    url.search !== ''
  )
    throw new AutoupError('config', 'GITHUB_API_URL is no address of an API: write https://HOST/api/v3')
  if (hasToken && isReadable(url))
    throw new AutoupError('config', 'GITHUB_API_URL is http: and anybody could read the token on its way: use https')
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}
