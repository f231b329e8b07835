/**
 * The drain signal, before the app hears of it. process.emit is replaced before there is a handler of the signal,
 * because Node binds it with the first (lib/internal/process/signal.js); handlers that are there already, of a module
 * that was loaded before, are taken off meanwhile. A watcher of the kernel's signal is kept while nobody listens,
 * without a listener that the app would see: some count them.
 */

export interface HeldSignal {
  /** Whether the app has handlers of its own now. */
  readonly isHandled: boolean
  /** Calls them, as the signal would have; from now on it is not held any more. */
  deliver(): void
}

/** `onSignal` is called instead of the app's handlers, each time it arrives. */
export function holdSignal(name: string, onSignal: () => void): HeldSignal {
  const early = process.rawListeners(name) as NodeJS.SignalsListener[]
  for (const handler of early) process.off(name, handler)
  const emit = process.emit
  let isHeld = true
  let isArming = false
  let words: unknown[] = [name]

  const arm = (): void => {
    const placeholder = (): void => undefined
    isArming = true
    process.on(name, placeholder)
    process.removeListener(name, placeholder)
    isArming = false
  }

  process.emit = function (this: NodeJS.Process, event: string | symbol, ...args: unknown[]): boolean {
    if (event === name && isHeld) {
      words = args
      onSignal()
      return true
    }
    const isOfSignal = event === 'removeListener' && args[0] === name
    // Node would let go of the signal.
    if (isOfSignal && isArming) return true
    const heard: boolean = Reflect.apply(emit, this, [event, ...args])
    if (isOfSignal && isHeld && process.listenerCount(name) === 0) arm()
    return heard
  } as typeof process.emit
  arm()
  for (const handler of early) process.on(name, handler)

  return {
    get isHandled() {
      return process.listenerCount(name) > 0
    },
    deliver() {
      isHeld = false
      Reflect.apply(emit, process, [name, ...words])
    },
  }
}
