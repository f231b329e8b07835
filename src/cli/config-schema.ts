/**
 * The JSON schema of `autoup.config.json`, for editors: the table of options in the words of json-schema.org, draft 7,
 * and in these alone, so that strict readers take it as well. Published as `autoup.schema.json`, which a test keeps as
 * it is written here. The two forms are told apart by `if`, not `oneOf`, for which an editor tells of both forms at
 * once.
 */

import { APP_KEYS, type ConfigKey, SHARED_KEYS } from './config-keys.ts'

type Schema = Readonly<Record<string, unknown>>

/** By the placeholder of an option: what its parser takes. HOW is that of `ready`. */
const PATTERNS: Readonly<Record<string, string>> = {
  DURATION: '^(\\d+(\\.\\d+)?(ms|s|m|h|d)|0)$',
  SIZE: '^\\d+(\\.\\d+)?(B|kB|KB|MB|GB|KiB|MiB|GiB)$',
  OCTAL: '^0?[0-7]{3}$',
  HEX: '^(sha256[-:])?[0-9A-Fa-f]{64}$',
  NAME: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
  HOW: '^(auto|notify|tcp|http:/[!-~]*|exec:.+|uptime:\\d+(\\.\\d+)?(ms|s|m|h|d))$',
}

/** An address, or a port alone. */
const WORD = ['string', 'integer']
const WORD_LIMITS = { minLength: 1, minimum: 0, maximum: 65_535 }

const COMMAND_EXAMPLE = ['node', 'server.js']

export function configSchema(): Schema {
  const $schema = { type: 'string', description: 'Where this schema is; for editors.' }
  // In both forms: where it is not there yet, it is what an editor may offer.
  const apps = { $ref: '#/definitions/apps' }
  const form = (properties: Schema): Schema => ({ type: 'object', properties, additionalProperties: false })
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'autoup.config.json',
    description: 'Services that autoup keeps up to date and up.',
    type: 'object',
    if: { type: 'object', properties: { apps: true }, required: ['apps'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON schema.
    then: form({ $schema, apps, ...references(SHARED_KEYS) }),
    else: form({ $schema, apps, ...references(APP_KEYS) }),
    definitions: {
      apps: {
        description: 'Several apps by name. What stands beside "apps" holds for each that does not say otherwise.',
        type: 'object',
        minProperties: 1,
        propertyNames: { type: 'string', pattern: PATTERNS.NAME },
        additionalProperties: {
          description: 'One app: the options of `autoup run`. Its key is its name.',
          ...form(references(SHARED_KEYS)),
        },
        examples: [{ web: { command: COMMAND_EXAMPLE, listen: 8080 } }],
      },
      ...Object.fromEntries([...APP_KEYS].map(([name, key]) => [name, definition(key)])),
    },
  }
}

function references(keys: ReadonlyMap<string, ConfigKey>): Schema {
  return Object.fromEntries([...keys.keys()].map((name) => [name, { $ref: `#/definitions/${name}` }]))
}

function definition({ kind, option }: ConfigKey): Schema {
  const { help, value = '', choices, least = 0 } = option
  const usual = kind === 'switch' ? 'false' : option.default
  const description = usual === undefined ? `${help}.` : `${help} (default: ${usual}).`
  const examples = option.examples && { examples: option.examples.map((each) => shown(kind, each)) }
  switch (kind) {
    case 'switch':
      return { description, type: 'boolean' }
    case 'number':
      return { description, type: 'integer', minimum: least, default: Number(usual) }
    case 'word':
      return { description, type: WORD, ...WORD_LIMITS, ...examples }
    case 'list': {
      const items = { type: WORD, ...WORD_LIMITS, ...examples }
      return { description, type: [...WORD, 'array'], ...WORD_LIMITS, items, ...examples }
    }
    case 'words':
      return { description, type: 'array', items: { type: 'string' }, minItems: 1, examples: [COMMAND_EXAMPLE] }
    case 'text': {
      const text = choices ? { enum: choices } : value in PATTERNS ? { pattern: PATTERNS[value] } : { minLength: 1 }
      return { description, type: 'string', ...text, ...defaultOf(usual, text), ...examples }
    }
  }
}

/** Some defaults are words about them: `as the master`. */
function defaultOf(usual: string | undefined, { enum: choices, pattern }: Schema): Schema {
  if (usual === undefined) return {}
  const isValue = Array.isArray(choices) ? choices.includes(usual) : new RegExp(String(pattern ?? '$^')).test(usual)
  return isValue ? { default: usual } : {}
}

/** A port is a number. */
function shown(kind: ConfigKey['kind'], text: string): string | number {
  return kind !== 'text' && /^\d+$/.test(text) ? Number(text) : text
}
