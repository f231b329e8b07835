/**
 * The way to a server: directly, or through the proxy that the environment names (HTTPS_PROXY, HTTP_PROXY, NO_PROXY; in
 * lower case they count first, as everywhere). This machine is never asked through a proxy: its own services would be
 * another machine's there, and http: is only allowed because it does not leave this one.
 */

import { BlockList, isIP } from 'node:net'
import { AutoupError } from '../../core/errors.ts'
import { isLoopback } from './address.ts'

/** Null: directly. Throws AutoupError for a proxy that is none. */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv): URL | null {
  if (isLoopback(url)) return null
  const name = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy'
  const text = env[name] || env[name.toUpperCase()]
  if (!text || isExempt(url, env.no_proxy ?? env.NO_PROXY ?? '')) return null
  return readProxy(text, name.toUpperCase())
}

function readProxy(text: string, name: string): URL {
  try {
    const proxy = new URL(text.includes('://') ? text : `http://${text}`)
    if (['http:', 'https:'].includes(proxy.protocol) && proxy.hostname !== '') return proxy
  } catch {
    // Said below, without the text: it may hold a password.
  }
  throw new AutoupError('failed', `${name} names no proxy: write http://host:port`)
}

/** `host`, `.domain`, `*.domain`, an address, `10.0.0.0/8`, each with or without a port, or `*`. */
function isExempt(url: URL, list: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  return list.split(/[\s,]+/).some((entry) => entry !== '' && matches(entry.toLowerCase(), host, port))
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true
  if (entry.includes('/')) return isInSubnet(host, entry)
  const [, bracketed, plain, onlyPort] = /^(?:\[(.+)\]|([^:]+|.*:.*:.*?))(?::(\d+))?$/.exec(entry) ?? []
  if (onlyPort !== undefined && onlyPort !== port) return false
  const name = (bracketed ?? plain ?? entry).replace(/^\*?\./, '')
  return host === name || (isIP(host) === 0 && host.endsWith(`.${name}`))
}

function isInSubnet(host: string, entry: string): boolean {
  const [network = '', bits = ''] = entry.split('/')
  const family = isIP(network) === 6 ? 'ipv6' : 'ipv4'
  if (isIP(host) === 0 || isIP(network) === 0 || !/^\d{1,3}$/.test(bits)) return false
  if (Number(bits) > (family === 'ipv6' ? 128 : 32)) return false
  const subnet = new BlockList()
  subnet.addSubnet(network, Number(bits), family)
  return subnet.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4')
}
