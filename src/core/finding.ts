/** What `autoup doctor` has found, as data. */

/** `fail`: it will not work as it is. `warn`: it works, and somebody should know. */
export type Level = 'ok' | 'warn' | 'fail'

export interface Finding {
  /** What was looked at, in one or two short words. */
  readonly check: string
  readonly level: Level
  /** One sentence: what is so, and unless it is `ok` what to do. */
  readonly message: string
}

/** Where a value comes from. */
export type Origin = 'flag' | 'environment' | 'file' | 'default'

export interface EffectiveValue {
  /** The name of the option, or `command`. */
  readonly option: string
  /** For people; of a source without what is secret in it. */
  readonly value: string
  readonly origin: Origin
  /** `--interval`, `AUTOUP_INTERVAL`, `autoup.config.json: apps.web.interval`, or `default`. */
  readonly from: string
}

export interface Diagnosis {
  readonly name: string
  readonly values: readonly EffectiveValue[]
  readonly findings: readonly Finding[]
}
