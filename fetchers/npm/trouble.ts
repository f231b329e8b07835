/**
 * What npm complains about, as one sentence that says what to do. With --json npm writes its error as a value; its text
 * for people has many lines, and may quote an address with a password in it.
 */

import { AutoupError } from '../../src/core/errors.ts'
import { printableLine } from '../../src/core/shown.ts'

export interface NpmFailure {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  readonly about: string
  readonly registry: string | null
  readonly token: string | null
}

interface Complaint {
  readonly code: string
  readonly summary: string
  readonly detail: string
}

/** `data.code` is npm's; the error is `refused` where the bytes are wrong. */
export function npmTrouble(failure: NpmFailure): AutoupError {
  const complaint = complaintOf(failure)
  const code = complaint.code === 'EINTEGRITY' ? 'refused' : 'failed'
  return new AutoupError(code, sentence(failure, complaint), { data: { code: complaint.code } })
}

/** The registry as it may be shown. */
export function shownRegistry(registry: string | null): string {
  try {
    const { host, pathname } = new URL(registry ?? '')
    return `${host}${pathname.replace(/\/$/, '')}`
  } catch {
    return 'the registry'
  }
}

/** No token, and nobody could read it: or a token that is not good for this. */
export function privateSentence(about: string, registry: string | null, hasToken: boolean): string {
  const where = shownRegistry(registry)
  return hasToken
    ? `${where} does not let the given token read ${about}: check whether it has expired, and what it may read`
    : `${where} does not show ${about} without a token: give one with --token-file or NPM_TOKEN, or in .npmrc`
}

export function notFoundSentence(about: string, registry: string | null, hasToken: boolean): string {
  const may = hasToken ? 'or what the token may read' : 'or, where it is private, give a token with --token-file'
  return `there is no npm package ${about} in ${shownRegistry(registry)}: check the name, ${may}`
}

function sentence({ about, registry, token }: NpmFailure, { code, summary, detail }: Complaint): string {
  const where = shownRegistry(registry)
  const hasToken = token !== null
  switch (code) {
    case 'E404':
      return notFoundSentence(named(detail) ?? about, registry, hasToken)
    case 'E401':
    case 'E403':
    case 'ENEEDAUTH':
      return privateSentence(about, registry, hasToken)
    case 'ETARGET':
      return `${about} asks for a version that ${where} does not have: ${redacted(summary, token)}`
    case 'EINTEGRITY':
      return `the bytes of ${about} are not those that ${where} announced: ${redacted(summary, token)}`
    case 'EBADPLATFORM':
      return `${about} is not for this machine: ${redacted(summary, token)}`
    case 'ERESOLVE':
      return `the dependencies of ${about} do not fit each other: ${redacted(summary, token)}`
    case 'ENOSPC':
      return `the disk is full, so ${about} could not be installed: free some space`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the name of ${where} cannot be resolved: check the network, and the registry that npm is configured for`
    case 'ECONNREFUSED':
    case 'ECONNRESET':
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ERR_SOCKET_TIMEOUT':
    case 'FETCH_ERROR':
      return `${where} cannot be reached (${code}): check the network, and the registry that npm is configured for`
    default:
      if (/git/.test(summary))
        return `${about} needs something from git (${redacted(detail, token)}): only packages of a registry are taken`
      if (isCertificate(code)) {
        return `the certificate of ${where} does not verify (${code}): name your own authority in NODE_EXTRA_CA_CERTS`
      }
      return `npm could not get ${about}: ${redacted(summary || `it ended with status ${code}`, token)}`
  }
}

function complaintOf({ status, stdout, stderr }: NpmFailure): Complaint {
  const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '')
  try {
    const { error } = JSON.parse(stdout) as { error: Record<string, unknown> }
    return { code: text(error.code), summary: text(error.summary), detail: text(error.detail) }
  } catch {
    const code = /^npm (?:error|ERR!) code (\S+)/m.exec(stderr)?.[1] ?? String(status)
    const summary = /^npm (?:error|ERR!) (?!code |syscall |errno )(.+)/m.exec(stderr)?.[1] ?? ''
    return { code, summary, detail: '' }
  }
}

/** `'left-pad@1' could not be found`: what it is, which need not be what was asked for. */
function named(detail: string): string | null {
  return /'((?:@[\w.~-]+\/)?[\w.~-]+(?:@[^']{1,100})?)'/.exec(detail)?.[1] ?? null
}

function isCertificate(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|ERR_TLS|ERR_SSL/.test(code)
}

/** One line, no token, no password of an address. */
function redacted(text: string, token: string | null): string {
  const plain = printableLine(text.split('\n')[0] ?? '', 400).replace(/\/\/[^/@\s]*@/g, '//')
  return token === null ? plain : plain.replaceAll(token, '…')
}
