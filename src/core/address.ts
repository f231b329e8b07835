/** `--listen [NAME=]ADDR` as a value: `8080`, `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/app.sock`. */

import { AutoupError } from './errors.ts'

export type Address =
  /** `host` null is every address, both families: one dual-stack `[::]`, or `0.0.0.0` where IPv6 is off. */
  | { readonly family: 'tcp'; readonly host: string | null; readonly port: number }
  | { readonly family: 'unix'; readonly path: string; readonly mode: number | null; readonly owner: string | null }

export interface ListenSpec {
  /** As given (`http=8080`), or `port-8080`, `app.sock`: what LISTEN_FDNAMES says. */
  readonly name: string
  readonly address: Address
}

/** unix(7): sun_path holds 108 bytes and the last one is the terminating zero. */
export const UNIX_PATH_MAX = 107

/**
 * Parses one `--listen` value. `unix:PATH` may carry `?mode=0660&owner=www-data:www-data`.
 * Throws AutoupError `usage` with the forms it would take.
 */
export function parseListen(text: string): ListenSpec {
  const named = /^([A-Za-z_][A-Za-z0-9_.-]*)=(.*)$/.exec(text)
  const body = named ? (named[2] as string) : text
  const address = parseAddress(body, text)
  return { name: named ? (named[1] as string) : defaultName(address), address }
}

/** `0.0.0.0:8080`, `*:8080`, `[::1]:8080`, `unix:/run/app.sock`: as people write them, and as status shows them. */
export function formatAddress(address: Address): string {
  if (address.family === 'unix') return `unix:${address.path}`
  if (address.host === null) return `*:${address.port}`
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

/** Throws AutoupError `usage` where two have one address, or one name. */
export function refuseTwins(specs: readonly ListenSpec[]): void {
  const address = repeated(specs.map((spec) => formatAddress(spec.address)))
  if (address !== undefined) throw new AutoupError('usage', `two listeners have the address ${address}: leave one out`)
  const name = repeated(specs.map((spec) => spec.name))
  if (name === undefined) return
  throw new AutoupError('usage', `two listeners are named '${name}': name them apart with --listen NAME=ADDR`)
}

function repeated(texts: readonly string[]): string | undefined {
  return texts.find((text, index) => texts.indexOf(text) < index)
}

function parseAddress(body: string, whole: string): Address {
  if (body.startsWith('unix:')) return parseUnix(body.slice(5), whole)
  const bare = /^(?:\*:|:)?(\d+)$/.exec(body)
  if (bare) return { family: 'tcp', host: null, port: port(bare[1] as string, whole) }
  const v6 = /^\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]:(\d+)$/.exec(body)
  if (v6) return { family: 'tcp', host: (v6[1] as string).toLowerCase(), port: port(v6[2] as string, whole) }
  const v4 = /^(\d{1,3}(?:\.\d{1,3}){3}):(\d+)$/.exec(body)
  if (v4 && (v4[1] as string).split('.').every((part) => Number(part) < 256)) {
    return { family: 'tcp', host: v4[1] as string, port: port(v4[2] as string, whole) }
  }
  const local = /^localhost:(\d+)$/.exec(body)
  if (local) return { family: 'tcp', host: '127.0.0.1', port: port(local[1] as string, whole) }
  throw bad(whole)
}

function parseUnix(text: string, whole: string): Address {
  const question = text.indexOf('?')
  const path = question < 0 ? text : text.slice(0, question)
  if (!path.startsWith('/')) throw bad(whole, 'a unix socket needs an absolute path')
  if (new TextEncoder().encode(path).length > UNIX_PATH_MAX) {
    throw bad(whole, `a unix socket path may have ${UNIX_PATH_MAX} bytes, this one is longer`)
  }
  let mode: number | null = null
  let owner: string | null = null
  for (const option of question < 0 ? [] : text.slice(question + 1).split('&')) {
    const [key, value = ''] = option.split('=')
    if (key === 'mode' && /^[0-7]{3,4}$/.test(value)) mode = Number.parseInt(value, 8)
    else if (key === 'owner' && value !== '') owner = value
    else throw bad(whole, `'${option}' is not mode=0660 or owner=USER[:GROUP]`)
  }
  return { family: 'unix', path, mode, owner }
}

function port(digits: string, whole: string): number {
  const value = Number(digits)
  if (value > 65_535) throw bad(whole, 'a port is at most 65535')
  return value
}

function defaultName(address: Address): string {
  if (address.family === 'tcp') return `port-${address.port}`
  return (address.path.split('/').pop() as string).replace(/[^A-Za-z0-9_.-]/g, '-')
}

function bad(whole: string, why?: string): AutoupError {
  const forms = 'write 8080, 127.0.0.1:8080, [::1]:8080 or unix:/run/app.sock'
  return new AutoupError('usage', `cannot listen on '${whole}': ${why ? `${why}; ` : ''}${forms}`)
}
