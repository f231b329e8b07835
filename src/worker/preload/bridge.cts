/**
 * What the preload and the library `autoup/worker` have in common: one object per process, found by a global symbol,
 * since each comes from a folder of its own, and the library is loaded as ES module and as CommonJS.
 */

export interface Bridge {
  /** Of the service, in the order of `--listen`; null where there is no master. */
  readonly listeners: readonly { readonly name: string; readonly fd: number }[] | null
  /** One line of sd_notify(3). */
  say(line: string): void
  /** Called when the drain begins; the process waits for what it returns, as long as it may. */
  onDrain(task: DrainTask): void
  /** A server that is to be drained; for the preload it is nothing new. */
  adopt(server: import('node:net').Server): void
}

export type DrainTask = () => unknown

const KEY = Symbol.for('autoup.worker')

export function publish(bridge: Bridge): void {
  Object.defineProperty(globalThis, KEY, { value: bridge, configurable: true })
}

/** Null where nobody has published one. */
export function published(): Bridge | null {
  const found: unknown = Reflect.get(globalThis, KEY)
  return isBridge(found) ? found : null
}

function isBridge(value: unknown): value is Bridge {
  return typeof value === 'object' && value !== null && 'listeners' in value && 'say' in value && 'onDrain' in value
}
