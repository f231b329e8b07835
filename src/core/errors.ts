/**
 * The one error class. A message is one lower-case sentence: what failed, on what, what to do about it.
 * Expected outcomes are values; an AutoupError is for what a user can cause and nobody nearer can answer.
 */

/** Every code, with the exit status it ends a command with (DESIGN.md section 5). */
export const EXIT_STATUS = {
  failed: 1,
  locked: 1,
  usage: 2,
  config: 2,
  'not-running': 3,
  unknown: 4,
  refused: 5,
  'rolled-back': 6,
  'timed-out': 7,
  'not-executable': 126,
  'not-found': 127,
} as const

export type ErrorCode = keyof typeof EXIT_STATUS

export class AutoupError extends Error {
  readonly code: ErrorCode
  readonly data: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: { data?: Record<string, unknown>; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AutoupError'
    this.code = code
    this.data = options.data ?? {}
  }
}

/** The end of an exhaustive switch; reached only through a bug. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`)
}

/** A sentence for whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The errno name of a system error (`ENOSPC`), or null. */
export function errnoOf(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : null
}

/** Trouble of the machine says nothing about a build (DESIGN.md section 8, Verdicts). */
export function isMachineTrouble(code: string | null): boolean {
  return code !== null && MACHINE_TROUBLE.has(code)
}

const MACHINE_TROUBLE: ReadonlySet<string> = new Set([
  'EAGAIN',
  'ENOMEM',
  'EMFILE',
  'ENFILE',
  'ENOSPC',
  'EIO',
  'EDQUOT',
  'ENOBUFS',
])
