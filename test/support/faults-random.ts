/** Random numbers that can be had again: mulberry32, by a seed that the test prints. */

export interface Random {
  readonly seed: number
  /** A whole number from 0 to below `end`. */
  below(end: number): number
}

/** The seed of AUTOUP_SEED, or a new one. */
export function newRandom(): Random {
  const seed = Number(process.env.AUTOUP_SEED ?? Math.floor(Math.random() * 2 ** 31))
  let state = seed
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { seed, below: (end) => Math.floor(next() * end) }
}
