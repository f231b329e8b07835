import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Input } from '../../src/cli/command.ts'
import { APP_KEYS } from '../../src/cli/config-keys.ts'
import { configSchema } from '../../src/cli/config-schema.ts'
import { logPlace, umaskGiven } from '../../src/cli/log-place.ts'
import { buildSettings } from '../../src/cli/settings.ts'
import { nowhere } from './terminal.ts'

const PUBLISHED = join(import.meta.dirname, '../../autoup.schema.json')

/** Written anew by `npx vitest run --project unit test/cli/config-schema.test.ts --update`. */
test('the published schema is what the table of options says', async () => {
  await expect(`${JSON.stringify(configSchema(), null, 2)}\n`).toMatchFileSnapshot(PUBLISHED)
})

/** Each with what the option itself takes, and does not. */
const FORMS: Readonly<Record<string, readonly [good: readonly string[], bad: readonly string[]]>> = {
  interval: [
    ['500ms', '1.5s', '5m', '1h', '2d'],
    ['5', 's', '5 s', '-1s'],
  ],
  ready: [
    ['auto', 'http:/', 'http:/a?b=c', 'exec:a b', 'uptime:1.5s', 'tcp'],
    ['http:', 'http:a', 'http:/a b', 'exec:', 'uptime:3', 'tcp:1', 'now'],
  ],
  sha256: [
    ['0f'.repeat(32), `sha256:${'0F'.repeat(32)}`, `sha256-${'0f'.repeat(32)}`],
    ['0f', 'xy'.repeat(32), `sha512:${'0f'.repeat(32)}`],
  ],
  name: [
    ['a', 'a.b-c_1'],
    ['-a', 'a/b', 'a b', 'a'.repeat(65)],
  ],
  'log-size': [
    ['10MB', '1.5GiB', '512KiB', '5000B'],
    ['10', '10 MB', '10mb'],
  ],
  umask: [
    ['022', '0027'],
    ['22', '999', '00022'],
  ],
}

describe.each(Object.entries(FORMS))('%s', (flag, [good, bad]) => {
  const { definitions } = configSchema() as { definitions: Record<string, { pattern?: string }> }
  const pattern = new RegExp(definitions[flag]?.pattern ?? '$never')
  const option = (text: string) => {
    const input: Input = {
      name: undefined,
      command: ['node'],
      options: new Map([
        ['fetch', ['file:/a']],
        [flag, [text]],
      ]),
    }
    const layers = { input, io: nowhere(), app: null }
    const settings = buildSettings(input, nowhere())
    logPlace(layers, settings)
    umaskGiven(layers)
  }

  test.each(good)('%s is taken by the program and by the schema', (text) => {
    expect(() => option(text)).not.toThrow()
    expect(text).toMatch(pattern)
  })

  test.each(bad)('%s is taken by neither', (text) => {
    expect(() => option(text)).toThrow(`--${flag}: `)
    expect(text).not.toMatch(pattern)
  })
})

test('what an editor offers is taken', () => {
  for (const [flag, { option }] of APP_KEYS) {
    for (const example of option.examples ?? []) {
      const options = new Map([['fetch', ['file:/a']] as const, [flag, [example]]])
      expect(() => buildSettings({ name: 'app', command: ['node'], options }, nowhere()), flag).not.toThrow()
    }
  }
})
