/**
 * `autoup/worker`: for programs that would rather say it than have it done. Safe and useful without a master: then it
 * listens by itself, and ends on SIGTERM or SIGINT when what is in flight is answered.
 */

import http from 'node:http'
import type net from 'node:net'
import { type Bridge, publish, published } from './preload/bridge.cts'
import { readContract } from './preload/contract.cts'
import { createBridge } from './without-preload.cts'

/** Whether a master of autoup has started this process. */
export const isManaged: boolean = readContract(process.env, process.pid) !== null

/**
 * The inherited socket of this name (default: the first), for `server.listen`. Null without a master:
 * `server.listen(listener() ?? 3000)`. Throws where there is a master and no such listener.
 */
export function listener(name?: string): { readonly fd: number } | null {
  const { listeners } = bridge()
  if (listeners === null) return null
  const found = name === undefined ? listeners[0] : listeners.find((each) => each.name === name)
  if (found) return { fd: found.fd }
  if (name === undefined) return null
  const names = listeners.map((each) => each.name).join(', ') || 'none'
  throw new Error(
    `there is no listener named '${name}': declare it with --listen ${name}=ADDRESS (there are: ${names})`,
  )
}

/** Says that this worker serves; `serve` says it by itself. What it means is settled by `--ready`. */
export function ready(): void {
  bridge().say('READY=1')
}

/** One line for `autoup status`. */
export function status(text: string): void {
  bridge().say(`STATUS=${text.replace(/\s+/g, ' ')}`)
}

/**
 * Called once when this process is asked to finish, and stops accepting. It ends when what is returned has settled and
 * the last connection is gone, or when the drain timeout has passed.
 */
export function onDrain(task: () => unknown): void {
  bridge().onDrain(task)
}

export interface ServeOptions {
  /** The name of the listener; default: the first. */
  readonly listener?: string
  /** Where to listen without a master. Default: `process.env.PORT`, else 3000. */
  readonly port?: number
  readonly host?: string
  /** False: the program calls `ready` itself. */
  readonly ready?: boolean
}

let starting = 0

/**
 * Listens with a request handler, or with any server of net, and drains it when this process is asked to finish.
 * Resolves when it listens; rejects when it cannot.
 */
export function serve<S extends net.Server>(server: S, options?: ServeOptions): Promise<S>
export function serve(handler: http.RequestListener, options?: ServeOptions): Promise<http.Server>
export function serve(what: http.RequestListener | net.Server, options: ServeOptions = {}): Promise<net.Server> {
  const server = typeof what === 'function' ? http.createServer(what) : what
  return new Promise((resolve, reject) => {
    const target = listener(options.listener)
    starting++
    const over = (): void => {
      starting--
      server.off('error', onError)
    }
    const onError = (error: Error): void => {
      over()
      reject(error)
    }
    server.once('error', onError)
    server.once('listening', () => {
      over()
      bridge().adopt(server)
      // Several that were started together are ready together.
      if (options.ready !== false && starting === 0) ready()
      resolve(server)
    })
    if (target) server.listen(target)
    else
      server.listen({
        port: options.port ?? Number(process.env.PORT ?? 3_000),
        ...(options.host ? { host: options.host } : {}),
      })
  })
}

/**
 * Made with the first call: a program that is its own master (src/embed) has its own by then, and not when it loads
 * this.
 */
function bridge(): Bridge {
  const there = published()
  if (there !== null) return there
  const made = createBridge(process.env, process.pid)
  publish(made)
  return made
}
