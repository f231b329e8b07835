/**
 * Free loopback ports. A port taken from `bind(0)` and given back may become the source port of the next client, so
 * these come from below the kernel's ephemeral range (ip(7)), and no process of the test run gets one twice.
 */

import { readFileSync } from 'node:fs'
import net from 'node:net'

const LOWEST = 12_000

const given = new Set<number>()

/** A port that nobody listens on at 127.0.0.1, nor at any other address. */
export async function freePort(): Promise<number> {
  const ephemeral = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)[0])
  const span = Math.max(ephemeral, LOWEST + 1_000) - LOWEST
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * span)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.createServer()
    probe.on('error', () => resolve(false))
    probe.listen({ port, host: '::', ipv6Only: false }, () => probe.close(() => resolve(true)))
  })
}
