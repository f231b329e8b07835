import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { keepProbing } from '../../../src/runtime/workers/probing.ts'

const answers: (string | null)[] = []
const bad: string[] = []

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  answers.length = 0
  bad.length = 0
})

afterEach(() => vi.useRealTimers())

async function ask(): Promise<string | null> {
  const answer = answers.shift()
  if (answer === undefined) throw new Error('EMFILE')
  return answer
}

test('who cannot be asked has not failed, and is asked again', async () => {
  const probing = keepProbing(ask, (reason) => bad.push(reason))
  await vi.advanceTimersByTimeAsync(1_000)
  await turn()
  answers.push(null, null)
  await vi.advanceTimersByTimeAsync(1_000)
  await turn()
  expect(answers).toHaveLength(1)
  expect(bad).toEqual([])
  probing.stop()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(answers).toHaveLength(1)
})
