/**
 * A worker on probation is asked again and again. One bad answer may be a hiccup, so it is asked once more after a
 * breath; two in a row are a failure. Who cannot be asked, for the machine has no more to give, has not failed.
 */

import { setTimeout as breath } from 'node:timers/promises'

const EVERY_MS = 1_000
const AGAIN_MS = 250

export interface Probing {
  stop(): void
}

/** `ask` answers null when all is well. It is asked on after a failure, until it is stopped. */
export function keepProbing(ask: () => Promise<string | null>, onBad: (reason: string) => void): Probing {
  let isOver = false
  const later = (): NodeJS.Timeout => setTimeout(() => void round(), EVERY_MS)
  const round = async (): Promise<void> => {
    const reason = await askTwice(ask).catch(() => null)
    if (isOver) return
    timer = later()
    if (reason !== null) onBad(reason)
  }
  let timer = later()
  return {
    stop() {
      isOver = true
      clearTimeout(timer)
    },
  }
}

async function askTwice(ask: () => Promise<string | null>): Promise<string | null> {
  if ((await ask()) === null) return null
  await breath(AGAIN_MS)
  return await ask()
}
