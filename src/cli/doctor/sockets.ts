/**
 * The addresses: held by the master that runs, or free. A port is bound for a moment, since only that tells whether it
 * may be; of a unix socket the file is looked at, for binding would take its place.
 */

import { accessSync, constants, lstatSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Address, formatAddress, type ListenSpec } from '../../core/address.ts'
import { messageOf } from '../../core/errors.ts'
import type { Finding } from '../../core/finding.ts'
import { sharedSpecs } from '../../runtime/workers/doors.ts'
import { bindListener } from '../../system/bind-listener.ts'
import { close } from '../../system/libc/descriptors.ts'
import { findListeningOwner } from '../../system/port-owner.ts'
import { environmentOf } from '../../system/procfs.ts'

/**
 * `root` is the folder of this service in the state directory: what runs from there is ours. `master`: the pid of the
 * one that holds its lock, or null.
 */
export function checkSockets(listen: readonly ListenSpec[], root: string, master: number | null): Finding[] {
  return sharedSpecs(listen).map((spec) => {
    const shown = formatAddress(spec.address)
    const check = 'listen'
    const owner = findListeningOwner(spec.address)
    if (owner !== null && (owner.pid === master || environmentOf(owner.pid)?.get('AUTOUP_STATE') === root)) {
      const who =
        master === null ? `a worker of the killed master (pid ${owner.pid})` : `the master that runs (pid ${master})`
      return { check, level: 'ok', message: `${shown} is held by ${who}` }
    }
    if (owner !== null) {
      const advice = 'stop that, or choose another address'
      return { check, level: 'fail', message: `${shown} is in use by ${owner.command} (pid ${owner.pid}): ${advice}` }
    }
    try {
      tryAddress(spec.address)
      return { check, level: 'ok', message: `${shown} is free` }
    } catch (error) {
      return { check, level: 'fail', message: messageOf(error) }
    }
  })
}

function tryAddress(address: Address): void {
  if (address.family === 'tcp') return close(bindListener(address))
  const file = lstatSync(address.path, { throwIfNoEntry: false })
  if (file && !file.isSocket()) {
    throw new Error(`${formatAddress(address)} is no socket but something else: remove it, or choose another path`)
  }
  const directory = dirname(address.path)
  try {
    accessSync(directory, constants.W_OK)
  } catch (cause) {
    throw new Error(`${directory} does not exist or may not be written to: make it, or choose another path`, { cause })
  }
}
