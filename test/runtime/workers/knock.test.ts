import { expect, test } from 'vitest'
import { parseListen } from '../../../src/core/address.ts'
import { knock } from '../../../src/runtime/workers/knock.ts'
import { getsockopt, setsockopt } from '../../../src/system/libc/sockets.ts'
import { closeListener, type Listener, openListeners } from '../../../src/system/listeners.ts'
import { onEnd } from '../../support/on-end.ts'
import { until } from '../../support/until.ts'

/** A listener that hands out no silent connection, and a knock on it under way. */
async function knocking(): Promise<{ listener: Listener; stop(): void }> {
  const [listener] = openListeners([parseListen('127.0.0.1:0')], [], new Map()) as [Listener]
  onEnd(() => closeListener(listener, { unlink: true }))
  setsockopt(listener.fd, 'TCP_DEFER_ACCEPT', 5)
  const { next, stop } = knock([listener])
  onEnd(stop)
  await until('it knocks', () => {
    next(1)
    return getsockopt(listener.fd, 'TCP_DEFER_ACCEPT') === 0
  })
  return { listener, stop }
}

test('lets silent connections through for the moment of the knock, and gives the option back', async () => {
  const { listener, stop } = await knocking()
  stop()
  expect(getsockopt(listener.fd, 'TCP_DEFER_ACCEPT')).toBeGreaterThan(0)
})

test('leaves alone what was closed, or bound anew, meanwhile', async () => {
  const { listener, stop } = await knocking()
  closeListener(listener, { unlink: true })
  expect(stop).not.toThrow()
})
