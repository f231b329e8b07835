/** What went wrong between here and a server, as one sentence that says what to do. No query of a URL is shown. */

import { AutoupError, messageOf } from '../../core/errors.ts'

/** `proxy` is the one that was asked to lead there, or null. */
export function explainHttpError(error: unknown, url: URL, proxy: URL | null = null): AutoupError {
  if (error instanceof AutoupError) return error
  const code = codeOf(error)
  return new AutoupError('failed', sentenceFor(code, error, url, proxy), { cause: error, data: { code } })
}

/** The server as errors name it. */
export function nameHost(url: URL, proxy: URL | null): string {
  return proxy ? `${url.host} (through the proxy ${proxy.host})` : url.host
}

function sentenceFor(code: string, error: unknown, url: URL, proxy: URL | null): string {
  const who = nameHost(url, proxy)
  const refusal = proxy && /^Proxy (?:response|Authentication Required) \((\d{3})\)/.exec(messageOf(error))?.[1]
  if (refusal) return refused(proxy, url, refusal)
  // Who is not asked directly is found and reached by the proxy; what fails here is the proxy.
  const near = UNREACHED[code]?.(proxy ? `the proxy ${proxy.host}` : url.host)
  if (near !== undefined) return near
  if (error instanceof Error && error.name === 'AbortError') return `the request to ${who} was given up`
  const far = BROKEN[code]?.(who)
  if (far !== undefined) return far
  if (isCertificate(code)) return untrusted(who, code)
  if (/^(?:ERR_SSL_|EPROTO)/.test(code)) return `${who} does not speak TLS as it should (${code}): check the port`
  if (error instanceof Error && error.name === 'HTTPParserError')
    return `${who} answers with what is no HTTP: check the address and the port`
  return `${who}: ${messageOf(error)}`
}

function refused(proxy: URL, url: URL, status: string): string {
  if (status === '407') return `the proxy ${proxy.host} asks for a login (407): put user:password@ into its address`
  return `the proxy ${proxy.host} does not lead to ${url.host} (${status}): allow it there, or name it in NO_PROXY`
}

type Sentences = Readonly<Record<string, (who: string) => string>>

const UNREACHED: Sentences = {
  ENOTFOUND: (who) => `there is no host ${who}: check the name, and that this machine can resolve it`,
  EAI_AGAIN: (who) => `the name of ${who} cannot be resolved now: it is tried again`,
  ECONNREFUSED: (who) => `${who} refuses connections: check that it runs, and the port`,
  EHOSTUNREACH: (who) => `there is no route to ${who}: check the network`,
  ENETUNREACH: (who) => `there is no route to ${who}: check the network`,
  ETIMEDOUT: (who) => `${who} does not accept a connection in time: it is tried again`,
  UND_ERR_CONNECT_TIMEOUT: (who) => `${who} does not accept a connection in time: it is tried again`,
}

const BROKEN: Sentences = {
  ECONNRESET: (who) => `${who} broke the connection: it is tried again`,
  EPIPE: (who) => `${who} broke the connection: it is tried again`,
  UND_ERR_SOCKET: (who) => `${who} broke the connection: it is tried again`,
  UND_ERR_HEADERS_OVERFLOW: (who) => `${who} answers with headers without end`,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: (who) =>
    `${who} sent another number of bytes than it announced: it is tried again`,
  UND_ERR_ABORTED: (who) => `the request to ${who} was given up`,
}

function untrusted(who: string, code: string): string {
  const what = `the certificate of ${who}`
  if (code === 'CERT_HAS_EXPIRED') return `${what} has expired: have it renewed, or check the clock of this machine`
  if (code === 'CERT_NOT_YET_VALID') return `${what} is not valid yet: check the clock of this machine`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `${what} is for another name: check the address`
  return `${what} does not verify (${code}): if it is of an authority of your own, name that in NODE_EXTRA_CA_CERTS`
}

function isCertificate(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)/.test(code)
}

/** The code of the error or of what caused it. */
function codeOf(error: unknown): string {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code } = each as NodeJS.ErrnoException
    if (typeof code === 'string') return code
  }
  return ''
}
