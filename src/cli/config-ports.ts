/**
 * Two apps of one file that want the same socket: told when the file is read, rather than when the second one starts.
 */

import { type Address, formatAddress, parseListen } from '../core/address.ts'
import { AutoupError } from '../core/errors.ts'
import { parsePageAddress } from '../core/page-address.ts'
import type { FileLayer } from './command.ts'

interface Taken {
  readonly app: string
  readonly address: Address
}

/** Throws AutoupError `config`. An address that cannot be read is told where it is used. */
export function refuseSamePort(apps: readonly FileLayer[]): void {
  const taken: Taken[] = []
  for (const app of apps) {
    const own = addressesOf(app)
    for (const address of own) {
      const before = taken.find((each) => isSame(each.address, address))
      if (!before) continue
      const what = `'${before.app}' and '${app.key}' would both listen on ${formatAddress(address)}`
      throw new AutoupError('config', `${app.file}: the apps ${what}: give each its own`)
    }
    taken.push(...own.map((address) => ({ app: app.key ?? '', address })))
  }
}

function addressesOf(app: FileLayer): Address[] {
  const own = (flag: string, parse: (text: string) => Address): Address[] =>
    (app.values.get(flag)?.values ?? []).flatMap((text) => {
      try {
        return parse(text)
      } catch {
        return []
      }
    })
  return [
    ...own('listen', (text) => parseListen(text).address),
    ...own('metrics', (text) => parsePageAddress(text).address),
  ]
}

/** All addresses hold each one; port 0 is any that is free. */
function isSame(a: Address, b: Address): boolean {
  if (a.family === 'unix' || b.family === 'unix') return formatAddress(a) === formatAddress(b)
  if (a.port !== b.port || a.port === 0) return false
  return a.host === b.host || [a.host, b.host].some((host) => host === null || host === '0.0.0.0' || host === '::')
}
