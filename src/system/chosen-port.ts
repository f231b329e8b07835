/** Ports that the kernel gives to those who ask for 0: the range is in ip_local_port_range (ip(7)). */

import { readFileSync } from 'node:fs'

/** An address as `formatAddress` writes it, with a port that the kernel may have chosen: next time it is another. */
export function isMaybeChosen(address: string): boolean {
  const port = Number(/:(\d+)$/.exec(address)?.[1] ?? 0)
  const [first = 0, last = 0] = range()
  return port >= first && port <= last
}

function range(): number[] {
  try {
    return readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/).map(Number)
  } catch {
    return [32_768, 60_999]
  }
}
