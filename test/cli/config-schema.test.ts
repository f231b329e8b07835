import { join } from 'node:path'
import { expect, test } from 'vitest'
import { APP_KEYS } from '../../src/cli/config-keys.ts'
import { configSchema } from '../../src/cli/config-schema.ts'

const PUBLISHED = join(import.meta.dirname, '../../autoup.schema.json')

/** Written anew by `npx vitest run --project unit test/cli/config-schema.test.ts --update`. */
test('the published schema is what the table of options says', async () => {
  await expect(`${JSON.stringify(configSchema(), null, 2)}\n`).toMatchFileSnapshot(PUBLISHED)
})

test('every default that a duration has in the help is one that the schema takes', () => {
  const { properties } = configSchema().else as { properties: Record<string, { pattern?: string }> }
  for (const [name, { option }] of APP_KEYS) {
    if (option.value !== 'DURATION') continue
    const pattern = new RegExp(properties[name]?.pattern ?? '$never')
    for (const good of ['0', '500ms', '1.5s', '5m', '1h', '2d']) expect(good).toMatch(pattern)
    for (const bad of ['5', 's', '5 s', '-1s', '']) expect(bad).not.toMatch(pattern)
  }
})
