import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { CommandEntry, Input } from '../../src/cli/command.ts'
import { COMMANDS, loadCommands } from '../../src/cli/commands.ts'
import { manPage } from '../../src/cli/man-page.ts'
import { define, outline, root } from '../../src/cli/program.ts'
import { EXIT_STATUS } from '../../src/core/errors.ts'
import { needs } from '../support/requirements.ts'
import { temporaryDirectory } from './fake-master.ts'
import { nowhere } from './terminal.ts'

async function page(): Promise<string> {
  const path = join(temporaryDirectory(), 'autoup.1')
  writeFileSync(path, await manPage(COMMANDS, '1.2.3'))
  return path
}

needs('man', 'groff').test('man shows every command with its options, and groff has nothing to say', async () => {
  const path = await page()
  const warnings = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-z', path], { encoding: 'utf8' })
  expect(warnings).toMatchObject({ status: 0, stderr: '' })
  const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', MANWIDTH: '200', MANROFFOPT: '-c' }
  const shown = execFileSync('man', ['-l', path], { encoding: 'utf8', env })
  for (const { name, options } of await loadCommands()) {
    expect(shown).toMatch(new RegExp(`^ +autoup ${name}$`, 'm'))
    for (const { flag, value } of options) expect(shown, name).toContain(value ? `--${flag} ${value}` : `--${flag}`)
  }
  expect(shown).toContain('AUTOUP_READY_TIMEOUT')
  expect(shown).toContain('Default: 30s.')
})

needs('mandoc').test('mandoc has nothing to warn of', async () => {
  const { stdout, stderr } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', await page()], { encoding: 'utf8' })
  // An empty date: that of the build is of no use to a reader.
  expect(`${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !/missing date/.test(line))).toEqual([])
})

test('every exit status is in it, and in docs/operating.md', async () => {
  const all = [...new Set(Object.values(EXIT_STATUS))].sort((a, b) => a - b)
  const inPage = [...(await manPage(COMMANDS, '1.2.3')).matchAll(/^\.TP\n\.B (\d+(?:, \d+)*)$/gm)]
  const table = readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8')
  const inTable = [...table.matchAll(/^\| (\d+(?:, \d+)*) +\|/gm)]
  for (const found of [inPage, inTable])
    expect(found.flatMap(([, text = '']) => text.split(', ').map(Number))).toEqual([0, ...all])
})

test('every example of the help is a command line that is understood', async () => {
  for (const spec of await loadCommands()) {
    for (const [line] of spec.examples) {
      const [, words = ''] = /(?:^|[;&|] )autoup (.*?)(?: [|&>].*)?$/.exec(line) ?? []
      const [name, ...args] = words.replaceAll(/["']/g, '').split(' ')
      expect(name, line).toBe(spec.name)
      const program = root(nowhere())
      let input: Input | null = null
      const command = outline(program, spec.name, COMMANDS[spec.name] as CommandEntry)
      const read = define(command, spec)
      command.action(() => {
        input = read([spec.name, ...args])
      })
      program.parse([spec.name, ...args], { from: 'user' })
      expect(input, line).not.toBeNull()
    }
  }
})
