import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CommandSpec, Input } from '../../src/cli/command.ts'
import { COMMANDS, loadCommand, loadCommands } from '../../src/cli/commands.ts'
import { main } from '../../src/cli/main.ts'
import { define, outline, root } from '../../src/cli/program.ts'
import { quickParse } from '../../src/cli/quick-parse.ts'
import { nowhere } from './terminal.ts'

/** What commander makes of it, or null when it refuses. */
function slowParse(spec: CommandSpec, args: readonly string[]): Input | null {
  const program = root(nowhere())
  const command = outline(program, spec.name, COMMANDS[spec.name]!)
  const read = define(command, spec)
  let input: Input | null = null
  command.action(() => {
    input = read([spec.name, ...args])
  })
  try {
    program.parse([spec.name, ...args], { from: 'user' })
  } catch {
    return null
  }
  return input
}

const specs = await loadCommands()
const run = (await loadCommand('run')) as CommandSpec

describe('the quick reader', () => {
  test.each([
    ['run', '--fetch github:org/app --listen 8080 --listen=a=8081 --no-respawn -- node server.js --port 1 -- x'],
    ['run', '-- true'],
    ['run', 'web'],
    ['run', 'web --listen 8080 -- node server.js --port 1'],
    ['run', '--fetch=file:/x --fetch file:/y'],
    ['status', 'app --json'],
    ['status', '--state-dir /s'],
    ['upgrade', '--again app --no-wait --timeout=5m'],
    ['events', ''],
  ])('understands %s %s as commander does', (name, words) => {
    const spec = specs.find((each) => each.name === name) as CommandSpec
    const args = words.split(' ').filter(Boolean)
    const quick = quickParse(spec, args)
    expect(quick).not.toBeNull()
    expect(quick).toEqual(slowParse(spec, args))
  })

  test.each([
    ['help', '--help'],
    ['short options', '-h'],
    ['unknown options', '--fetc x'],
    ['no value', '--fetch'],
    ['a value that looks like an option', '--fetch --listen 8080'],
    ['a value for a switch', '--no-respawn=1'],
    ['a command without --', 'node server.js'],
    ['two words before --', 'x y -- node'],
  ])('leaves %s to commander', (_what, words) => {
    expect(quickParse(run, words.split(' '))).toBeNull()
  })

  test('understands nothing in another way than commander', () => {
    for (const spec of specs) {
      const flags = spec.options.map(({ flag }) => `--${flag}`)
      const word = fc.constantFrom(
        ...flags,
        ...flags.map((flag) => `${flag}=1`),
        '--',
        '-',
        'a',
        'b',
        '',
        '1',
        '--x',
        '-h=',
      )
      fc.assert(
        fc.property(fc.array(word, { maxLength: 6 }), (args) => {
          const quick = quickParse(spec, args)
          if (quick !== null) expect(quick).toEqual(slowParse(spec, args))
        }),
        { numRuns: 150 },
      )
    }
  })
})

test('every command has examples of its own, and each option once', () => {
  for (const spec of specs) {
    expect(spec.examples.length, spec.name).toBeGreaterThanOrEqual(2)
    for (const [line] of spec.examples) expect(line).toContain(`autoup ${spec.name}`)
    expect(new Set(spec.options.map(({ flag }) => flag)).size).toBe(spec.options.length)
  }
})

test('the command is found by its own name only', async () => {
  expect(loadCommand('constructor')).toBeNull()
  expect(await main(['__proto__'], nowhere())).toBe(2)
})
