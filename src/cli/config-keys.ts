/**
 * What may stand in a configuration file: the options of `autoup run` under their own names, each with the JSON it
 * takes, and `command`. The table of options is the one truth; the published schema is written from here as well
 * (config-schema.ts).
 */

import type { OptionSpec } from './command.ts'
import { DAEMON_OPTIONS } from './daemon-options.ts'
import { NAME, RUN_OPTIONS } from './run-options.ts'
import { CONFIG } from './where.ts'

export const COMMAND_KEY = 'command'

export type JsonKind = 'switch' | 'number' | 'text' | 'word' | 'list' | 'words'

export interface ConfigKey {
  readonly kind: JsonKind
  readonly option: Pick<OptionSpec, 'help' | 'value' | 'default' | 'choices' | 'least' | 'examples'>
  /** What it takes, for messages: `a text`. */
  readonly form: string
  takes(value: unknown): boolean
  /** Of each item, where it takes a list; null where it does not. */
  readonly item: Pick<ConfigKey, 'form' | 'takes'> | null
}

const FORMS: Readonly<Record<JsonKind, string>> = {
  switch: 'true or false',
  number: 'a whole number',
  text: 'a text',
  word: 'a text or a number',
  list: 'a text or a number, or a list of these',
  words: 'a list of words, such as ["node", "server.js"]',
}

const isString = (value: unknown): boolean => typeof value === 'string'
const isText = (value: unknown): boolean => isString(value) && value !== ''
const isWord = (value: unknown): boolean => isText(value) || Number.isSafeInteger(value)

const TAKES: Readonly<Record<JsonKind, (value: unknown) => boolean>> = {
  switch: (value) => typeof value === 'boolean',
  number: (value) => Number.isSafeInteger(value),
  text: isText,
  word: isWord,
  list: (value) => isWord(value) || (Array.isArray(value) && value.every(isWord)),
  words: (value) => Array.isArray(value) && value.length > 0 && value.every(isString),
}

const ITEMS: Readonly<Partial<Record<JsonKind, ConfigKey['item']>>> = {
  list: { form: FORMS.word, takes: isWord },
  words: { form: FORMS.text, takes: isString },
}

/** For one app at the top. */
export const APP_KEYS: ReadonlyMap<string, ConfigKey> = new Map([
  [COMMAND_KEY, keyOf('words', { help: 'the program and its arguments' })] as const,
  ...[...RUN_OPTIONS, ...DAEMON_OPTIONS]
    .filter(({ flag }) => flag !== CONFIG.flag)
    .map((option) => [option.flag, keyOf(kindOf(option), option)] as const),
])

/** For an app under `apps`, which is called by its key, and for what stands beside them. */
export const SHARED_KEYS: ReadonlyMap<string, ConfigKey> = new Map([...APP_KEYS].filter(([key]) => key !== NAME.flag))

function keyOf(kind: JsonKind, option: ConfigKey['option']): ConfigKey {
  return { kind, option, form: FORMS[kind], takes: TAKES[kind], item: ITEMS[kind] ?? null }
}

function kindOf({ value, isRepeatable }: OptionSpec): JsonKind {
  if (value === undefined) return 'switch'
  if (isRepeatable) return 'list'
  if (value === 'ADDR') return 'word'
  return value === 'N' ? 'number' : 'text'
}
