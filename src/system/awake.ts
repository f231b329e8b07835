/**
 * The time that this process was awake for. A process that is stopped (SIGSTOP, a frozen cgroup, `docker pause`, a
 * machine without a moment to spare) sees all its timers run out at once when it goes on, before it has heard what
 * others did meanwhile, and those were often stopped as well. Deadlines of others are set by this clock: a stall does
 * not count, and what has come in until then is heard before anybody is late. Timers look at the clock each second, so
 * a longer gap between two looks is a stall; where no timer runs nothing is late, and a gap says nothing.
 */

const BEAT_MS = 1_000
const STALL_MS = 1_500

/** Signals come in in one turn of the loop, and what they announce is read in the next (notify.ts). */
const TURNS = 2

let lostMs = 0
let seenAt = performance.now()

/** Monotonic ms without stalls, in the unit of `performance.now()`. */
export function awakeMs(): number {
  const at = performance.now()
  if (at - seenAt > STALL_MS) lostMs += at - seenAt
  seenAt = at
  return at - lostMs
}

export interface AwakeTimer {
  stop(): void
}

/** Calls `then` once, after so many ms awake; Infinity: never, but the clock goes right until it is stopped. */
export function afterAwake(ms: number, then: () => void): AwakeTimer {
  const dueAt = awakeMs() + ms
  let timer: NodeJS.Timeout | undefined
  let turn: NodeJS.Immediate | undefined
  const look = (): void => {
    const leftMs = Math.ceil(dueAt - awakeMs())
    if (leftMs <= 0) hear(TURNS)
    else timer = setTimeout(look, Math.min(BEAT_MS, leftMs))
  }
  const hear = (turns: number): void => {
    turn = setImmediate(() => (turns > 1 ? hear(turns - 1) : then()))
  }
  look()
  return {
    stop() {
      clearTimeout(timer)
      clearImmediate(turn)
    },
  }
}
