/**
 * `process.send('ready')`, which apps written for `pm2 reload` with `wait_ready` call when they serve. Where the
 * process has a channel of its own this is left alone; otherwise every other message goes nowhere, as there is nobody.
 */

type Done = (error: Error | null) => void

export function hearReady(onReady: () => void): void {
  if (process.send) return
  process.send = (message: unknown, ...rest: unknown[]): boolean => {
    if (message === 'ready') onReady()
    const done = rest.find((each): each is Done => typeof each === 'function')
    if (done) process.nextTick(done, null)
    return true
  }
}
