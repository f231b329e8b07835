/** The declared addresses as `server.listen` takes them, for a program without a master. */

import { formatAddress, parseListen } from '../core/address.ts'
import type { RunConfig } from './config.ts'
import type { Listener } from './state.ts'

/** Throws AutoupError `usage`. */
export function plainListeners(listen: RunConfig['listen']): readonly Listener[] {
  return [listen ?? []].flat().map((each) => {
    const { name, address } = parseListen(String(each))
    const common = { name, address: formatAddress(address) }
    if (address.family === 'unix') return { ...common, path: address.path }
    return { ...common, port: address.port, ...(address.host === null ? {} : { host: address.host }) }
  })
}
