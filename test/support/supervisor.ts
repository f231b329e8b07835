/**
 * What supervises a master in a test: a datagram socket in its own process, where it hears what systemd would hear
 * (sd_notify(3)), message by message and in order.
 */

import { NotifyHub } from '../../src/system/notify.ts'
import { temporaryDirectory } from './master.ts'
import { onEnd } from './on-end.ts'

export interface Supervisor {
  /** For the master. */
  readonly env: Record<string, string>
  readonly messages: readonly string[]
  /** All lines so far, of one key. */
  values(key: string): string[]
  /** The first message from `since` on that matches. */
  hears(pattern: RegExp, since?: number): Promise<string>
}

const DEADLINE_MS = 30_000

export function supervisor(): Supervisor {
  const messages: string[] = []
  const watchers = new Set<() => void>()
  const hub = NotifyHub.open(temporaryDirectory)
  onEnd(() => hub.close())
  const { datagramPath } = hub.add('master', null, (text) => {
    messages.push(text)
    for (const watcher of [...watchers]) watcher()
  })
  return {
    env: { NOTIFY_SOCKET: datagramPath },
    messages,
    values: (key) =>
      messages
        .flatMap((message) => message.split('\n'))
        .filter((line) => line.startsWith(`${key}=`))
        .map((line) => line.slice(key.length + 1)),
    hears: (pattern, since = 0) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => end(null), DEADLINE_MS)
        const end = (found: string | null): void => {
          clearTimeout(timer)
          watchers.delete(look)
          if (found !== null) resolve(found)
          else reject(new Error(`nothing like ${pattern} in ${DEADLINE_MS} ms; heard: ${JSON.stringify(messages)}`))
        }
        const look = (): void => {
          const found = messages.slice(since).find((message) => pattern.test(message))
          if (found !== undefined) end(found)
        }
        watchers.add(look)
        look()
      }),
  }
}
