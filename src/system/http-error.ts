/** What went wrong between here and a server, as one sentence that says what to do. No query of a URL is shown. */

import { AutoupError, messageOf } from '../core/errors.ts'

export function explainHttpError(error: unknown, url: URL): AutoupError {
  if (error instanceof AutoupError) return error
  const host = url.host
  const code = codeOf(error)
  const sentence =
    SENTENCES[code]?.(host) ?? (isCertificate(code) ? untrusted(host, code) : `${host}: ${messageOf(error)}`)
  return new AutoupError('failed', sentence, { cause: error, data: { code } })
}

const SENTENCES: Readonly<Record<string, (host: string) => string>> = {
  ENOTFOUND: (host) => `there is no host ${host}: check the name, and that this machine can resolve it`,
  EAI_AGAIN: (host) => `the name ${host} cannot be resolved now: it is tried again`,
  ECONNREFUSED: (host) => `${host} refuses connections: check that it runs, and the port`,
  ECONNRESET: (host) => `${host} broke the connection: it is tried again`,
  EHOSTUNREACH: (host) => `there is no route to ${host}: check the network`,
  ENETUNREACH: (host) => `there is no route to ${host}: check the network`,
  UND_ERR_CONNECT_TIMEOUT: (host) => `${host} does not accept a connection in time: it is tried again`,
  UND_ERR_HEADERS_TIMEOUT: (host) => `${host} does not answer in time: it is tried again`,
  UND_ERR_BODY_TIMEOUT: (host) => `${host} fell silent in the middle: it is tried again`,
  UND_ERR_HEADERS_OVERFLOW: (host) => `${host} answers with headers without end`,
  UND_ERR_SOCKET: (host) => `${host} broke the connection: it is tried again`,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: (host) =>
    `${host} sent another number of bytes than it announced: it is tried again`,
  UND_ERR_ABORTED: (host) => `the request to ${host} was given up`,
}

function untrusted(host: string, code: string): string {
  return `the certificate of ${host} does not verify (${code}): if it is of an authority of your own, name that in NODE_EXTRA_CA_CERTS`
}

function isCertificate(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|ERR_TLS/.test(code)
}

/** The code of the error or of what caused it. */
function codeOf(error: unknown): string {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code } = each as NodeJS.ErrnoException
    if (typeof code === 'string') return code
  }
  return ''
}
