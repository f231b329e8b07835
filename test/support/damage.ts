/** Damage of every kind to bytes, as fast-check makes and shrinks it. */

import fc from 'fast-check'

export interface Damage {
  readonly what: 'set' | 'cut' | 'drop' | 'repeat' | 'insert' | 'swap'
  readonly at: number
  readonly length: number
  readonly value: number
}

export const damages: fc.Arbitrary<Damage[]> = fc.array(
  fc.record({
    what: fc.constantFrom('set', 'set', 'set', 'cut', 'drop', 'repeat', 'insert', 'swap'),
    at: fc.nat(0xffff),
    length: fc.integer({ min: 1, max: 600 }),
    value: fc.oneof(fc.nat(255), fc.constantFrom(0, 0xff, 0x2f, 0x2e, 0x50)),
  }),
  { minLength: 1, maxLength: 4 },
)

interface Cut {
  readonly head: Buffer
  readonly piece: Buffer
  readonly tail: Buffer
}

const ways: Readonly<Record<Damage['what'], (cut: Cut, damage: Damage) => Buffer[]>> = {
  set: ({ head, piece, tail }, { value }) => [head, Buffer.of(value), piece.subarray(1), tail],
  cut: ({ head }) => [head],
  drop: ({ head, tail }) => [head, tail],
  repeat: ({ head, piece, tail }) => [head, piece, piece, tail],
  insert: ({ head, piece, tail }, { length, value }) => [head, Buffer.alloc(length, value), piece, tail],
  swap: ({ head, piece, tail }) => [tail, piece, head],
}

export function damaged(bytes: Buffer, all: readonly Damage[]): Buffer {
  return all.reduce((now, damage) => {
    const at = damage.at % Math.max(1, now.length)
    const end = at + damage.length
    const cut = { head: now.subarray(0, at), piece: now.subarray(at, end), tail: now.subarray(end) }
    return Buffer.concat(ways[damage.what](cut, damage))
  }, bytes)
}

/** Each with one bit of one byte turned over. */
export function* flipped(bytes: Buffer, from = 0, to: number = bytes.length): Generator<Buffer> {
  for (let at = from; at < to; at++) {
    const copy = Buffer.from(bytes)
    copy[at] = (copy[at] as number) ^ (1 << (at % 8))
    yield copy
  }
}

/**
 * fc.assert, with a property that runs for a `share` (of 1) of FUZZ_RUNS, which counts all of a file and is kept to, or
 * else as often as it can in the time that there is. fast-check does not wait for the run that it cuts short; this does,
 * since that one still works in the folder of its test.
 */
export async function assertRuns<Values>(
  property: fc.IAsyncPropertyWithHooks<Values>,
  share: number,
  otherwise: { readonly runs: number; readonly withinMs: number },
): Promise<void> {
  let running: Promise<void> = Promise.resolve()
  let end = (): void => undefined
  property.beforeEach(() => {
    running = new Promise((resolve) => {
      end = resolve
    })
  })
  property.afterEach(() => end())
  try {
    await fc.assert(property, runsOf(share, otherwise))
  } finally {
    await running
  }
}

function runsOf(share: number, otherwise: { runs: number; withinMs: number }): fc.Parameters<unknown> {
  const all = Number(process.env.FUZZ_RUNS ?? 0)
  if (all > 0) return { numRuns: Math.ceil(all * share) }
  return { numRuns: otherwise.runs, interruptAfterTimeLimit: otherwise.withinMs, markInterruptAsFailure: false }
}
