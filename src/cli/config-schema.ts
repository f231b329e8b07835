/**
 * The JSON schema of `autoup.config.json`, for editors: the table of options in the words of json-schema.org, draft 7.
 * Published as `autoup.schema.json`, which a test keeps as it is written here.
 */

import { APP_KEYS, type ConfigKey, SHARED_KEYS } from './config-keys.ts'

type Schema = Readonly<Record<string, unknown>>

/** As parseDuration takes it. */
const DURATION = '^(\\d+(\\.\\d+)?(ms|s|m|h|d)|0)$'
/** As checkName takes it. */
const NAME = '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'

export function configSchema(): Schema {
  const $schema = { type: 'string', description: 'Where this schema is; for editors.' }
  const shared = propertiesOf(SHARED_KEYS)
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'autoup.config.json',
    description: 'Services that autoup keeps up to date and up.',
    if: { type: 'object', required: ['apps'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON schema; with oneOf an editor tells of both forms at once.
    then: {
      type: 'object',
      description: 'Several apps. What stands beside "apps" holds for each that does not say otherwise.',
      properties: {
        $schema,
        apps: {
          type: 'object',
          description: 'The apps by name.',
          minProperties: 1,
          propertyNames: { pattern: NAME },
          additionalProperties: { type: 'object', properties: shared, additionalProperties: false },
        },
        ...shared,
      },
      additionalProperties: false,
    },
    else: {
      type: 'object',
      description: 'One app.',
      properties: { $schema, ...propertiesOf(APP_KEYS) },
      additionalProperties: false,
    },
  }
}

function propertiesOf(keys: ReadonlyMap<string, ConfigKey>): Schema {
  return Object.fromEntries([...keys].map(([name, key]) => [name, propertyOf(key)]))
}

function propertyOf({ kind, option }: ConfigKey): Schema {
  const { help, default: usual, value, choices } = option
  const description = usual === undefined ? `${help}.` : `${help} (default: ${usual}).`
  const word = { type: ['string', 'integer'] }
  switch (kind) {
    case 'switch':
      return { description, type: 'boolean' }
    case 'number':
      return { description, type: 'integer', minimum: 0 }
    case 'word':
      return { description, ...word }
    case 'list':
      return { description, oneOf: [word, { type: 'array', items: word }] }
    case 'words':
      return { description, type: 'array', items: { type: 'string' }, minItems: 1 }
    case 'text':
      if (choices) return { description, type: 'string', enum: choices }
      return { description, type: 'string', ...(value === 'DURATION' ? { pattern: DURATION } : { minLength: 1 }) }
  }
}
