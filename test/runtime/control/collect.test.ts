import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { noteClosed } from '../../../src/runtime/control/collect.ts'

test('what closed connections have left is collected before there is much of it', async () => {
  const left = new WeakRef({})
  // Whoever looks holds it until his turn is over.
  await setImmediate()
  for (let closed = 0; closed < 255; closed++) noteClosed()
  expect(left.deref()).toBeDefined()
  await setImmediate()
  noteClosed()
  expect(left.deref()).toBeUndefined()
})
