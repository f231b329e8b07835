/**
 * A command as data: what it is called, what it takes, what it does. The table is read by two readers: `quickParse`,
 * which understands a well-formed command line in no time, and commander, which is loaded for everything else: help,
 * mistakes and suggestions. So neither `autoup status` nor a master carries a parser around (2.3 MiB, 10 ms).
 */

import type { Io } from './io.ts'

export interface OptionSpec {
  /** Without dashes: `ready-timeout`, `no-respawn`. */
  readonly flag: string
  /** The placeholder of its value; absent for a switch. */
  readonly value?: string
  /** All that it may be. */
  readonly choices?: readonly string[]
  readonly isRepeatable?: boolean
  readonly help: string
  /** As shown in the help. */
  readonly default?: string
  /** Of a number; 0 where it is absent. */
  readonly least?: number
  /** What it may look like; an editor offers these. */
  readonly examples?: readonly string[]
  /** Heading in the help. */
  readonly group?: string
  /** It may stand in the environment as well (`environmentName`). */
  readonly hasVariable?: boolean
}

export interface CommandSpec {
  readonly name: string
  /** More than its line in commands.ts, shown by its own help. */
  readonly description?: string
  /** What stands beside the options: nothing, the name of a service, or that and `-- command [args…]`. */
  readonly takes: 'nothing' | 'name' | 'command'
  /** What the one word of `name` is called in the help where it is no service: `FILE`. */
  readonly word?: string
  /** All that this word may be. */
  readonly words?: readonly string[]
  readonly options: readonly OptionSpec[]
  readonly examples: readonly (readonly [line: string, what: string])[]
  /** Below the examples: paragraphs, which are wrapped. */
  readonly notes?: string
  /** Answers the exit status. */
  run(input: Input, io: Io): Promise<number>
}

/** A command before it is loaded. */
export interface CommandEntry {
  /** Its line in the help of the program. */
  readonly summary: string
  /** Heading in the help of the program. */
  readonly group: string
  load(): Promise<CommandSpec>
}

/** What a configuration file says of one app: one more place in which options may stand. */
export interface FileLayer {
  /** As it was named; for messages. */
  readonly file: string
  /** Absolute; the paths in it are relative to this. */
  readonly directory: string
  /** Its key under `apps`; null where the file is about one app only. */
  readonly key: string | null
  /** By flag. */
  readonly values: ReadonlyMap<string, FileValue>
  readonly command: readonly string[]
}

export interface FileValue {
  readonly values: readonly string[]
  /** `autoup.config.json: apps.web.interval` */
  readonly place: string
  /** It stands beside `apps` and holds for all of them. */
  readonly isShared: boolean
}

/** What was given on the command line. */
export interface Input {
  /** By flag; a switch that was given has one empty value. */
  readonly options: ReadonlyMap<string, readonly string[]>
  readonly name: string | undefined
  /** The words after `--`. */
  readonly command: readonly string[]
}

/** `--ready-timeout` is AUTOUP_READY_TIMEOUT there. */
export function environmentName({ flag }: Pick<OptionSpec, 'flag'>): string {
  return `AUTOUP_${flag.toUpperCase().replaceAll('-', '_')}`
}

export function has(input: Input, flag: string): boolean {
  return input.options.has(flag)
}

/** The last one counts. */
export function lastValue(input: Input, flag: string): string | undefined {
  return input.options.get(flag)?.at(-1)
}
