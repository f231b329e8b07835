/** The scripts in the shells that they are for. */

import { execFileSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.ts'
import { AUTOUP } from '../support/master.ts'
import { needs } from '../support/requirements.ts'
import { openTerminal } from '../support/tmux.ts'
import { fakeMaster, temporaryDirectory } from './fake-master.ts'
import { autoup } from './terminal.ts'

/** A folder with the script of a shell, and `autoup` itself for the names of services. */
async function prepare(shell: string): Promise<{ folder: string; script: string; path: string }> {
  const folder = temporaryDirectory()
  const { code, stdout } = await autoup(['completion', shell])
  expect(code).toBe(0)
  const script = join(folder, 'script')
  writeFileSync(script, stdout)
  const program = join(folder, 'autoup')
  writeFileSync(program, `#!/bin/sh\nexec ${process.execPath} ${AUTOUP} "$@"\n`)
  chmodSync(program, 0o755)
  writeFileSync(join(folder, 'some file.json'), '')
  return { folder, script, path: `${folder}:${process.env.PATH}` }
}

interface Shell {
  /** Completes the last word of the line. */
  complete(line: string): Promise<string[]>
}

async function bash(): Promise<Shell> {
  const { folder, script, path } = await prepare('bash')
  return {
    async complete(line) {
      const code = `source ${script}; COMP_WORDS=(${line}); [[ '${line}' == *' ' ]] && COMP_WORDS+=(''); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _autoup; printf '%s\\n' "\${COMPREPLY[@]}"`
      return lines(execFileSync('bash', ['--norc', '-c', code], { cwd: folder, env: { PATH: path }, encoding: 'utf8' }))
    },
  }
}

async function fish(): Promise<Shell> {
  const { folder, script, path } = await prepare('fish')
  return {
    async complete(line) {
      const code = `source ${script}; complete -C '${line}'`
      const env = { PATH: path, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder }
      const text = execFileSync('fish', ['--no-config', '-c', code], { cwd: folder, env, encoding: 'utf8' })
      return lines(text).map((each) => each.split('\t')[0] as string)
    },
  }
}

function lines(text: string): string[] {
  return text.split('\n').filter(Boolean)
}

for (const [name, open] of [
  ['bash', bash],
  ['fish', fish],
] as const) {
  const suite = needs(name)

  suite.test(`${name} completes every command, and every option of each`, async () => {
    const shell = await open()
    expect(await shell.complete('autoup ')).toEqual(expect.arrayContaining(Object.keys(COMMANDS)))
    for (const [command, { load }] of Object.entries(COMMANDS)) {
      const flags = (await load()).options.map(({ flag }) => `--${flag}`)
      expect(await shell.complete(`autoup ${command} --`), command).toEqual(expect.arrayContaining(flags))
    }
  })

  suite.test(`${name} completes values, files, and the names of services that run`, async () => {
    const { stateDir } = await fakeMaster()
    const shell = await open()
    expect(await shell.complete('autoup run --strategy ')).toEqual(
      expect.arrayContaining(['blue-green', 'rolling', 'exclusive']),
    )
    expect(await shell.complete('autoup run --strategy ro')).toEqual(['rolling'])
    expect((await shell.complete('autoup run --config some')).join().replaceAll('\\', '')).toBe('some file.json')
    expect(await shell.complete('autoup run --interval ')).toEqual([])
    expect(await shell.complete('autoup completion z')).toEqual(['zsh'])
    expect(await shell.complete(`autoup status --state-dir ${stateDir} `)).toContain('app')
    expect((await shell.complete('autoup run --listen 80 -- some')).join().replaceAll('\\', '')).toContain(
      'some file.json',
    )
  })
}

needs('zsh', 'tmux').test('zsh completes commands, options, values and the names of services that run', async () => {
  const { stateDir } = await fakeMaster()
  const { folder, script, path } = await prepare('zsh')
  const terminal = openTerminal({ columns: 160, env: { HOME: folder, ZDOTDIR: folder } })
  writeFileSync(
    join(folder, '.zshrc'),
    `PATH=${path}; PS1='ready> '; setopt no_list_beep; autoload -U compinit; compinit -u -D; source ${script}; cd ${folder}\n`,
  )
  terminal.keys('zsh -d -i', 'Enter')
  await terminal.shows(/^ready> $|^ready>$/m)
  const completes = async (typed: string, whole: RegExp): Promise<void> => {
    terminal.keys('C-l', 'C-u')
    terminal.keys('-l', typed)
    terminal.keys('Tab')
    await terminal.shows(whole)
  }
  await completes('autoup rollb', /^ready> autoup rollback ?$/m)
  await completes('autoup run --ready-t', /^ready> autoup run --ready-timeout=?$/m)
  await completes('autoup run --strategy ro', /^ready> autoup run --strategy rolling$/m)
  await completes('autoup run --config some', /^ready> autoup run --config some\\ file.json$/m)
  await completes(`autoup status --state-dir ${stateDir} a`, /autoup status --state-dir \S+ app$/m)
  await completes('autoup run --listen 8080 -- some', /-- some\\ file.json$/m)
  await completes('autoup run --str', /^ready> autoup run --strategy=?$/m)
  terminal.keys('C-u')
  terminal.keys('-l', 'exit')
  terminal.keys('Enter')
})

test('another shell is refused by name', async () => {
  const { code, stderr } = await autoup(['completion', 'tcsh'])
  expect(code).toBe(2)
  expect(stderr).toBe("autoup: 'tcsh' is no shell that is known here: write bash, zsh or fish\n")
  expect((await autoup(['completion'])).stderr).toBe('autoup: say for which shell: write bash, zsh or fish\n')
})

test('names are those of the services that run', async () => {
  const { stateDir } = await fakeMaster()
  expect(await autoup(['completion', 'names', '--state-dir', stateDir])).toEqual({
    code: 0,
    stdout: 'app\n',
    stderr: '',
  })
})
