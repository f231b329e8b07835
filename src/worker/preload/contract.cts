/**
 * What the master tells a worker through its environment (docs/workers.md), read once. For the app itself the variables
 * stay readable by name, but they are taken out of what children inherit: whoever is started by a worker must not speak
 * in its name.
 */

export interface Contract {
  /** The names of the inherited sockets; the first is descriptor 3 (sd_listen_fds(3)). */
  readonly names: readonly string[]
  /** The unix stream socket for `KEY=value` lines. */
  readonly notifyPath: string | null
  /** A beat is due at least this often. */
  readonly watchdogMs: number | null
  readonly drainSignal: string
  readonly drainTimeoutMs: number
  /** With `--ready notify` the app says by itself when it is ready. */
  readonly isReadyWhenListening: boolean
  /** Where this worker alone is asked whether it is ready. */
  readonly ownPort: number | null
}

export const FIRST_FD = 3

const PROTOCOL =
  /^(?:LISTEN_|WATCHDOG_|AUTOUP_DRAIN_)|^(?:NOTIFY_SOCKET|AUTOUP_NOTIFY|AUTOUP_PID|AUTOUP_PORT|AUTOUP_READY)$/

/** Null in any process but the worker itself. */
export function readContract(env: NodeJS.ProcessEnv, pid: number): Contract | null {
  if (env.AUTOUP_PID !== String(pid)) return null
  const names = env.LISTEN_PID === String(pid) ? (env.LISTEN_FDNAMES ?? '').split(':') : []
  const watchdogUsec = env.WATCHDOG_PID === String(pid) ? wholeNumber(env.WATCHDOG_USEC) : null
  return {
    names: names.slice(0, wholeNumber(env.LISTEN_FDS) ?? 0),
    notifyPath: env.AUTOUP_NOTIFY || null,
    watchdogMs: watchdogUsec === null ? null : watchdogUsec / 1_000,
    drainSignal: env.AUTOUP_DRAIN_SIGNAL || 'SIGTERM',
    drainTimeoutMs: (wholeNumber(env.AUTOUP_DRAIN_TIMEOUT_USEC) ?? DEFAULT_DRAIN_USEC) / 1_000,
    isReadyWhenListening: env.AUTOUP_READY !== 'notify',
    ownPort: wholeNumber(env.AUTOUP_PORT),
  }
}

/** As the master's own default. */
const DEFAULT_DRAIN_USEC = 30_000_000

/**
 * Moves the protocol's variables to the prototype of `env`, where a look by name finds them and no listing does: what
 * is spawned with this environment, or a copy of it, has none of them.
 */
export function hideContract(env: NodeJS.ProcessEnv): void {
  const hidden: PropertyDescriptorMap = {}
  for (const name of Object.keys(env)) {
    if (!PROTOCOL.test(name)) continue
    hidden[name] = { value: env[name], writable: true, configurable: true, enumerable: false }
    delete env[name]
  }
  Object.setPrototypeOf(env, Object.create(Object.getPrototypeOf(env), hidden))
}

/**
 * As the master quotes it (src/runtime/workers/preload.ts), after what the user has; a wrapper may have added more
 * behind it.
 */
const OWN_OPTION = / ?--require="(?:[^"\\]|\\.)*\/preload\/index\.cjs"/

/** Gives NODE_OPTIONS back as the user had it. */
export function restoreNodeOptions(env: NodeJS.ProcessEnv): void {
  if (env.NODE_OPTIONS === undefined) return
  const users = env.NODE_OPTIONS.replace(OWN_OPTION, '')
  if (users === '') delete env.NODE_OPTIONS
  else env.NODE_OPTIONS = users
}

function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null
}
