import { describe, expect, test } from 'vitest'
import { RUN_OPTIONS } from '../../src/cli/run-options.ts'
import { flagOf, keyOf, type RunConfig, toInput } from '../../src/embed/config.ts'

const program = () => undefined
const input = (config: object) => toInput({ program, ...config } as RunConfig, ['/app'])

describe('what a program says', () => {
  test('is what the command line would say', () => {
    const { options } = input({
      listen: ['8080', 9090, 'unix:/x'],
      drainTimeout: 1_500,
      probation: '2s',
      keep: 4,
      allowUnverified: true,
      allowDowngrade: false,
      fetch: undefined,
      noRestart: true,
    })
    expect(Object.fromEntries(options)).toEqual({
      listen: ['8080', '9090', 'unix:/x'],
      'drain-timeout': ['1500ms'],
      probation: ['2s'],
      keep: ['4'],
      'allow-unverified': [''],
    })
  })

  test('can be everything that the command line can say, but for the preload and the file', () => {
    for (const { flag, value } of RUN_OPTIONS) {
      const given = () => input({ [keyOf(flag)]: value === undefined ? true : 'x' })
      if (flag === 'config' || flag === 'no-preload') expect(given).toThrow(/knows no option/)
      else expect([...given().options.keys()]).toEqual([flag])
      expect(flagOf(keyOf(flag))).toBe(flag)
    }
  })

  test.each([
    [{ program: undefined }, /run\(\) has no program/],
    [{ adress: ':8080' }, /run\(\) knows no option 'adress'/],
    [{ drainTimeout: null }, /drainTimeout cannot be null: leave it out/],
    [{ listen: [{ port: 1 }] }, /listen cannot be of type object/],
  ])('is refused when it is %o', (config, sentence) => {
    expect(() => input(config)).toThrow(sentence)
  })
})
