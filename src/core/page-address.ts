/**
 * `--metrics ADDR` as a value: where the page and /metrics are served. A port alone is of loopback, since what is
 * shown there is for the people of the machine; every other address has to be written.
 */

import { type Address, parseListen } from './address.ts'
import { AutoupError } from './errors.ts'

export interface PageAddress {
  readonly address: Extract<Address, { family: 'tcp' }>
  /** Host names that a browser may ask by, besides localhost and every address (`?host=NAME`). */
  readonly hosts: readonly string[]
}

const FORMS = 'write 9090 (of loopback), 10.0.0.1:9090, *:9090 or *:9090?host=NAME'

/** Throws AutoupError `usage` with the forms it would take. */
export function parsePageAddress(text: string): PageAddress {
  const question = text.indexOf('?')
  const body = question < 0 ? text : text.slice(0, question)
  const { address } = parse(/^\d+$/.test(body) ? `127.0.0.1:${body}` : body, text)
  if (address.family !== 'tcp') throw bad(text)
  return {
    address,
    hosts:
      question < 0
        ? []
        : text
            .slice(question + 1)
            .split('&')
            .map(hostOf),
  }
}

/**
 * Whether the `Host` of a request is one that this page goes by. A web site can give its own name the address of this
 * machine and let its visitors' browsers read what is here (DNS rebinding); an address it cannot rename.
 */
export function isHostAllowed(host: string | undefined, hosts: readonly string[]): boolean {
  const name = /^(\[[0-9a-f:.%]+\]|[^:[\]]+)(?::\d+)?$/i.exec(host ?? '')?.[1]?.toLowerCase()
  if (name === undefined) return false
  return name.startsWith('[') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(name) || name === 'localhost' || hosts.includes(name)
}

/** Two listeners cannot have one port, unless their addresses are apart. */
export function isSamePort(page: PageAddress, other: Address): boolean {
  if (other.family !== 'tcp' || other.port === 0 || other.port !== page.address.port) return false
  const [one, two] = [page.address.host, other.host]
  return isAny(one) || isAny(two) || one === two
}

function isAny(host: string | null): boolean {
  return host === null || host === '0.0.0.0' || host === '::'
}

function parse(body: string, whole: string): { readonly address: Address } {
  // A listener has a name; this one is passed to nobody.
  if (body.includes('=')) throw bad(whole)
  try {
    return parseListen(body)
  } catch {
    throw bad(whole)
  }
}

function hostOf(option: string): string {
  const [, host] = /^host=([a-z0-9-]+(?:\.[a-z0-9-]+)*)$/i.exec(option) ?? []
  if (host === undefined) throw new AutoupError('usage', `'${option}' is not host=NAME: ${FORMS}`)
  return host.toLowerCase()
}

function bad(text: string): AutoupError {
  return new AutoupError('usage', `'${text}' is not an address for the page: ${FORMS}`)
}
